import Groundwork

/// The five tasks of RULER without needles, and all thirteen by name.
extension Scribe {
  mutating func rulerPrompt(_ task: RulerTask, length: Int) -> RulerPrompt {
    if let needles = task.needles { return needlePrompt(needles) }
    switch task {
    case .variableTracking: return chainPrompt()
    case .commonWords: return commonWordsPrompt(length: length)
    case .frequentWords: return frequentWordsPrompt(length: length)
    default: return documentPrompt(hops: task == .singleHop ? 1 : 2)
    }
  }

  // MARK: Variable tracking

  /// One chain of four hops, hidden link by link in noise, behind a worked example with shorter names.
  private mutating func chainPrompt() -> RulerPrompt {
    let letters = rulerScale.variableLetters
    func ask(_ value: String) -> (String, String) {
      (
        "\nQuestion: Which variables have the value \(value)?",
        " Answer: By the chain in the text, 5 variables have the value \(value), they are:"
      )
    }
    let example = chain(letters.example)
    let (exampleQuestion, examplePrefix) = ask(example.value)
    let instruction = "Follow the chain of variables hidden in this text.\n"
    let before =
      instruction + Self.noise.prefix(1).joined() + " " + example.links.joined(separator: " ") + exampleQuestion
      + examplePrefix + " " + example.names.joined(separator: ", ") + ".\n\n" + instruction
    let asked = chain(letters.asked)
    let (question, prefix) = ask(asked.value)
    return RulerPrompt(
      before: before, filling: .sentences(.noise, needles: asked.links, inOrder: true), after: question, prefix: prefix,
      outputs: asked.names, scribe: self, step: 2)
  }

  private mutating func chain(_ letters: Int) -> (names: [String], value: String, links: [String]) {
    var names: [String] = []
    while names.count < 5 {
      let name = String((0..<letters).map { _ in pick(Self.capitals) })
      let code = name.unicodeScalars.reduce(0) { $0 * 26 + Int($1.value) - 65 }
      // Two letters are too few to be kept apart; they only stand in worked examples.
      if !names.contains(name), letters < 3 || allows("ruler variable", code, letters) { names.append(name) }
    }
    var value = number(10_000...99_999)
    while !allows("ruler value", value) { value = number(10_000...99_999) }
    let sources = ["\(value)"] + names.dropLast().map { "VAR \($0)" }
    return (names, "\(value)", zip(names, sources).map { "VAR \($0) = \($1)." })
  }

  private static let capitals = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

  // MARK: Words that come often

  private mutating func commonWordsPrompt(length: Int) -> RulerPrompt {
    let counts = rulerScale.wordCounts(length: length)
    let asked = rulerScale.commonWords
    var words = Self.listWords
    random.shuffle(&words)
    func ask(_ answer: String) -> (String, String) {
      (
        "\nQuestion: Which \(asked) words are the most common in the list?",
        " Answer: The \(asked) most common words are:" + answer
      )
    }
    let instruction = "Here is a numbered list of words. Some come more often than others. Remember those.\n"
    let common = Array(words[..<asked])
    let exampleCommon = Array(words[asked..<2 * asked])
    let exampleOthers = Array(words[2 * asked..<2 * asked + counts.exampleWords])
    let list = numberedList(exampleCommon, counts.exampleCommon, exampleOthers, counts.exampleOther)
    let (exampleQuestion, exampleAnswer) = ask(Self.enumerated(exampleCommon))
    let (question, prefix) = ask("")
    let others = Array(words[(2 * asked + counts.exampleWords)...])
    return RulerPrompt(
      before: instruction + list + exampleQuestion + exampleAnswer + "\n\n" + instruction,
      filling: .list(words: common, others: others, common: counts.common, other: counts.other), after: question,
      prefix: prefix, outputs: common, scribe: self, fewestUnits: 10,
      mostUnits: others.count + Self.moreListWords.count, step: 5)
  }

  static func enumerated(_ words: [String]) -> String {
    words.enumerated().map { " \($0.offset + 1). \($0.element)" }.joined()
  }

  /// Short words of the world and words that sound like names.
  static let listWords: [String] = {
    let made = Lexicon.nameStarts.flatMap { start in
      (Lexicon.femaleEnds + Lexicon.maleEnds).map { (start + $0).lowercased() }
    }
    var seen = Set<String>()
    return (keyNouns + Lexicon.colours + Lexicon.feelings + Lexicon.badFeelings + made).filter {
      seen.insert($0).inserted
    }
  }()

  /// Words of two beginnings of names and an end, for lists of more than those.
  static let moreListWords: [String] = {
    var seen = Set(listWords)
    return Lexicon.nameStarts.flatMap { first in
      Lexicon.nameStarts.flatMap { second in
        (Lexicon.femaleEnds + Lexicon.maleEnds).map { (first + second + $0).lowercased() }
      }
    }.filter { seen.insert($0).inserted }
  }()

  private mutating func frequentWordsPrompt(length: Int) -> RulerPrompt {
    var words: [String] = []
    while words.count < rulerScale.codedWords(length: length) {
      let letters = (0..<6).map { _ in random.next(below: 26) }
      let word = String(letters.map { Self.capitals[$0] }).lowercased()
      if !words.contains(word), allows("ruler coded word", letters.reduce(0) { $0 * 26 + $1 }) { words.append(word) }
    }
    // Ranks 2 to 4 are asked for: their counts must differ from each other and from rank 5's.
    let fewest = (1...).first { total in
      let counts = Self.rankCounts(words: 5, total: total)
      return zip(counts, counts.dropFirst()).allSatisfy { $0 > $1 }
    }!
    return RulerPrompt(
      before: "Here is a coded text. Find the three coded words that come most often, not the dots.\n",
      filling: .ranks(words), after: "\nQuestion: Which three coded words come most often?",
      prefix: " Answer: The three most frequent words are:", outputs: Array(words[1...3]), scribe: self,
      fewestUnits: fewest, step: 5)
  }

  // MARK: Documents

  struct PersonDocument {
    var text: String
    var questions: [(topic: String, answers: [String])]
  }

  /// A made-up person, told as one short document.
  mutating func personDocument(_ person: Character) -> PersonDocument {
    let (job, food, pet) = (pick(Lexicon.jobs), pick(Lexicon.foods), pick(Lexicon.petKinds))
    let town = world.entities[entity(.town)].name
    let he = person.entity.subjectPronoun
    return PersonDocument(
      text:
        "\(person.fullName) is a \(job) and lives in \(town). \(he.capitalisedFirst) likes \(food) and has a \(pet).",
      questions: [
        ("the job", [job, "a \(job)"]), ("the home town", [town]), ("the favourite food", [food]),
        ("the pet", [pet, "a \(pet)"]),
      ])
  }

  private mutating func documentPrompt(hops: Int) -> RulerPrompt {
    let cast = newNames(2)
    let document = personDocument(cast[0])
    let (topic, answers) = pick(document.questions)
    var gold = [document.text]
    var whom = cast[0].fullName
    if hops == 2 {
      gold.append("\(cast[1].fullName) has a good friend. The friend is called \(cast[0].fullName).")
      whom = "the friend of \(cast[1].fullName)"
    }
    return RulerPrompt(
      before: "Answer the question by these documents. Give only the answer.\n",
      filling: .documents(gold: gold, about: cast.map(\.fullName)),
      after: "\nQuestion: What is \(topic) of \(whom)?", prefix: " Answer:",
      outputs: hops == 1 ? answers : [answers[0]],
      scribe: self, fewestUnits: hops + 1)
  }
}
