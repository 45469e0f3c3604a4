import Groundwork

/// The thirteen tasks of RULER (Hsieh et al. 2024): needles in haystacks, variable tracking, common
/// and frequent words, question answering.
public enum RulerTask: String, CaseIterable, Codable, Sendable {
  case single1 = "niah_single_1"
  case single2 = "niah_single_2"
  case single3 = "niah_single_3"
  case multikey1 = "niah_multikey_1"
  case multikey2 = "niah_multikey_2"
  case multikey3 = "niah_multikey_3"
  case multivalue = "niah_multivalue"
  case multiquery = "niah_multiquery"
  case variableTracking = "vt"
  case commonWords = "cwe"
  case frequentWords = "fwe"
  case singleHop = "qa_1"
  case twoHop = "qa_2"

  /// What needles are hidden in.
  public enum Haystack: Sendable { case noise, essay, needles }
  /// What keys and values are made of.
  public enum Needle: Sendable { case word, number, uuid }

  /// A needle task's parameters: haystack, kinds of key and value, numbers of keys, of values per key and of keys
  /// asked for.
  public struct Needles: Sendable {
    /// What needles are hidden in.
    public var haystack: Haystack
    /// What a key is made of.
    public var key = Needle.word
    /// What a value is made of.
    public var value = Needle.number
    /// Keys in the text.
    public var keys = 1
    /// Values of each key.
    public var values = 1
    /// Keys asked for.
    public var queries = 1
  }

  /// nil for the five tasks without needles.
  public var needles: Needles? {
    switch self {
    case .single1: Needles(haystack: .noise)
    case .single2: Needles(haystack: .essay)
    case .single3: Needles(haystack: .essay, value: .uuid)
    case .multikey1: Needles(haystack: .essay, keys: 4)
    case .multikey2: Needles(haystack: .needles)
    case .multikey3: Needles(haystack: .needles, key: .uuid, value: .uuid)
    case .multivalue: Needles(haystack: .essay, values: 4)
    case .multiquery: Needles(haystack: .essay, keys: 4, queries: 4)
    default: nil
    }
  }

  /// Tasks by names, `all` for every one.
  public static func list(_ names: String) throws -> [RulerTask] {
    if names == "all" { return allCases }
    return try names.split(separator: ",").map { name in
      guard let task = RulerTask(rawValue: String(name)) else {
        throw UpcycleError.usage(
          "is not a task of RULER", field: "tasks", expected: allCases.map(\.rawValue).joined(separator: ", "),
          found: String(name))
      }
      return task
    }
  }

  /// Question answering is right when any reference is found; the others count the share of references found.
  public var countsAnyReference: Bool { self == .singleHop || self == .twoHop }
}

extension RulerScale {
  /// Tokens that an answer may take; they are part of a sample's length.
  public func answerTokens(_ task: RulerTask) -> Int {
    switch (self, task) {
    case (.paper, .variableTracking): 30
    case (.paper, .commonWords): 120
    case (.paper, .frequentWords): 50
    case (.paper, .singleHop), (.paper, .twoHop): 32
    case (.paper, _): 128
    case (.small, .multivalue), (.small, .multiquery): 44
    case (.small, .variableTracking): 32
    case (.small, .frequentWords): 28
    case (.small, _): 20
    }
  }

  /// Letters of variables, and of those of the worked example.
  var variableLetters: (asked: Int, example: Int) { self == .paper ? (5, 3) : (3, 2) }
  /// Words that come most often, of which all are asked for.
  var commonWords: Int { self == .paper ? 10 : 3 }

  /// How often common and other words come, in the list and in the worked example, and the example's other words
  /// (lm-eval's and NVIDIA's reduction below 4,096 tokens).
  func wordCounts(length: Int) -> (common: Int, other: Int, exampleCommon: Int, exampleOther: Int, exampleWords: Int) {
    if self == .small { return (6, 1, 3, 1, 6) }
    return length < 4096 ? (6, 1, 3, 1, 10) : (30, 3, 10, 3, 30)
  }

  /// Different coded words; NVIDIA: a fiftieth of the length.
  func codedWords(length: Int) -> Int { max(5, length / 50) }
}
