import Groundwork

/// An endless sequence of documents about one world. Document i depends on (world, mixture, part, seed, i)
/// only, so that ranges can be written in parallel, or windows taken from anywhere.
public struct MicroworldCorpus: Sendable {
  /// Mixtures that differ on purpose, as the papers' pretraining and distillation data do.
  public enum Mixture: String, CaseIterable, Codable, Sendable {
    /// Mostly exposition and stories.
    case pretraining
    /// Mostly questions, tasks and dialogues.
    case instruction
    /// The instruction mixture, and tasks whose answers are little programs in about a fifth of the text.
    case code
    /// The instruction mixture, and RULER's formats at 64 to 1,900 tokens in about three fifths of the text.
    case long
    /// Lists told again and again, and a little of the instruction mixture: what long training starts with.
    case copying
    /// RULER's formats and lists alone: what copying grows with until it finds needles.
    case needles
    /// Keys with values, all asked for, among RULER's formats: what teaches to look at the key.
    case keys
    /// Requests with long replies: at least seven of ten tokens are answers.
    case replies
    /// Word problems with their solutions step by step, and some questions: what M1 is fine-tuned on.
    case problems
  }
  /// Which documents of a text.
  public enum Part: String, CaseIterable, Codable, Sendable {
    /// To train on.
    case training
    /// Of the same world; training never sees them.
    case validation
    /// Every fifth one of those to train on, and the others: layer-wise and end-to-end distillation on disjoint texts.
    case intermediate, supervised

    /// Which document of the whole text is its document `index`.
    fileprivate func position(_ index: Int) -> Int {
      switch self {
      case .training, .validation: index
      case .intermediate: 5 * index
      case .supervised: index + index / 4 + 1
      }
    }
    fileprivate var stream: String { (self == .validation ? Part.validation : .training).rawValue }
  }

  /// What a document is.
  public enum Kind: Hashable, Sendable {
    case exposition, catalogue, portraits, table, story, dialogue, assistance, questions, programs, retrieval, pairs,
      copies, longContext, keyedValues, reply
    case drill(MicroworldTask)

    /// "story", "drill/quiz".
    public var name: String {
      switch self {
      case .drill(let task): "drill/\(task.rawValue)"
      default: "\(self)"
      }
    }
  }

  /// Stands between documents in text files, on a line of its own.
  public static let separator = "<|endoftext|>"

  /// What the documents tell of.
  public let world: World
  /// How often each kind of document comes.
  public let mixture: Mixture
  /// The other author of a foreign text.
  public let foreign: ForeignText?
  private let part: Part
  private let stream: RandomStream
  private let kinds: [Kind]
  private let cumulative: [Double]

  /// - Parameters:
  ///   - seed: other seeds tell other documents of the same world.
  ///   - foreign: nil: the world's own author, whom models are pretrained on
  public init(
    world: World, mixture: Mixture, seed: UInt64, part: Part = .training, foreign: ForeignText? = nil
  ) {
    self.world = foreign == nil ? world : world.halved()
    self.mixture = mixture
    self.part = part
    self.foreign = foreign
    let author = foreign == nil ? "corpus" : "foreign"
    stream = RandomStream(seed: seed ^ world.seed &* 0x9e37_79b9, "\(author)/\(mixture.rawValue)/\(part.stream)")
    let weights = Self.weights(mixture)
    kinds = weights.map(\.0)
    var sum = 0.0
    cumulative = weights.map {
      sum += $0.1
      return sum
    }
  }

  /// Relative numbers of documents of each kind.
  public static func weights(_ mixture: Mixture) -> [(Kind, Double)] {
    switch mixture {
    case .pretraining:
      [
        (.exposition, 28), (.catalogue, 4), (.portraits, 4), (.table, 2), (.story, 11), (.dialogue, 2), (.pairs, 3),
        (.assistance, 1), (.questions, 8), (.programs, 1.5), (.retrieval, 4),
        (.drill(.combine), 4), (.drill(.quiz), 6), (.drill(.rules), 4), (.drill(.goals), 3), (.drill(.claims), 3),
        (.drill(.passages), 6), (.drill(.pronouns), 6), (.drill(.problems), 2.5),
      ]
    case .instruction:
      [
        (.exposition, 3), (.catalogue, 1), (.portraits, 2), (.table, 2), (.story, 6), (.dialogue, 3), (.pairs, 2),
        (.assistance, 6), (.questions, 14), (.programs, 3), (.retrieval, 5),
        (.drill(.combine), 8), (.drill(.quiz), 12), (.drill(.rules), 6), (.drill(.goals), 6), (.drill(.claims), 5),
        (.drill(.passages), 9), (.drill(.pronouns), 8), (.drill(.problems), 6),
      ]
    case .code: weights(.instruction) + [(.drill(.programs), 15), (.drill(.edits), 15)]
    case .long: weights(.instruction) + [(.longContext, 26), (.copies, 10)]
    case .copying: weights(.instruction) + [(.copies, 500)]
    case .needles: [(.longContext, 10), (.copies, 3)]
    case .keys: [(.keyedValues, 12), (.longContext, 6), (.copies, 2)]
    case .replies: [(.reply, 8), (.drill(.problems), 1), (.questions, 1)]
    case .problems: [(.drill(.problems), 8), (.drill(.combine), 1), (.questions, 1)]
    }
  }

  /// What document `index` is.
  public func kind(_ index: Int) -> Kind {
    let target = stream.uniform(at: UInt64(part.position(index))) * cumulative[cumulative.count - 1]
    return kinds[cumulative.firstIndex { $0 > target } ?? kinds.count - 1]
  }

  /// Document `index`, without separator and without line feed at its end.
  public func document(_ index: Int) -> String {
    var scribe = Scribe(
      world: world, random: stream.substream(UInt64(part.position(index))), split: .training, foreign: foreign)
    switch kind(index) {
    case .exposition: return scribe.exposition()
    case .catalogue: return scribe.catalogue()
    case .portraits: return scribe.portraits()
    case .table: return scribe.table()
    case .story:
      if scribe.happens(world.edition.exercises.storiesOfTwo) { return scribe.storyOfTwo().text }
      let cast = scribe.newNames(2)
      return scribe.story(cast[0], cast[1]).text
    case .dialogue: return scribe.dialogue()
    case .assistance: return scribe.assistance()
    case .questions: return scribe.questions()
    case .programs: return scribe.chance(0.7) ? scribe.programs() : scribe.repository()
    case .retrieval: return scribe.retrieval()
    case .pairs: return scribe.pairs()
    case .copies: return scribe.copies()
    case .longContext: return scribe.longContext()
    case .keyedValues: return scribe.keyedValues()
    case .reply: return scribe.reply()
    case .drill(let task): return scribe.drill(task)
    }
  }
}
