import Groundwork
import TokenData

/// A measure of a task, an entry of `metric_list`.
struct TaskMetric: Sendable {
  enum Kind: String, CaseIterable {
    /// The most probable choice is right.
    case accuracy = "acc"
    /// The same with log-probabilities divided by the choices' lengths in characters.
    case characters = "acc_norm"
    /// The same by bytes.
    case bytes = "acc_bytes"
    /// The generated answer is the right one.
    case exactMatch = "exact_match"
  }

  let kind: Kind
  /// `ignore_case`, `ignore_punctuation`, `ignore_numbers`, `regexes_to_ignore` of `exact_match`.
  private let options: [String: JSONValue]
  private let ignored: [TextPattern]

  static func read(_ list: JSONValue?, _ form: PublishedTask.Form, _ file: String) throws -> [TaskMetric] {
    let known: [Kind] = form == .choice ? [.accuracy, .characters, .bytes] : [.exactMatch]
    guard let list = list?.array else {
      return try (form == .choice ? [Kind.accuracy, .characters] : known).map { try TaskMetric($0, [:], file) }
    }
    return try list.map { entry in
      let name = entry["metric"]?.string ?? entry["metric"]?.text() ?? "nothing"
      guard let kind = known.first(where: { $0.rawValue == name }) else {
        throw UpcycleError.usage(
          "is not known for \(form.rawValue)", at: "\(file): metric_list",
          expected: known.map(\.rawValue).joined(separator: ", "), found: name)
      }
      return try TaskMetric(kind, entry.object ?? [:], file)
    }
  }

  private init(_ kind: Kind, _ options: [String: JSONValue], _ file: String) throws {
    self.kind = kind
    self.options = options
    ignored = try (options["regexes_to_ignore"]?.array ?? []).compactMap(\.string).map { try TextPattern($0, file) }
    if let key = options.keys.sorted().first(where: { !Self.known.contains($0) }) {
      throw UpcycleError.usage("is not known in a metric", at: "\(file): metric_list", found: key)
    }
    if let name = options["aggregation"], name.string != "mean" {
      throw UpcycleError.usage(
        "is not known", at: "\(file): metric_list.aggregation", expected: "mean", found: name.text())
    }
  }

  private static let known: Set<String> = [
    "aggregation", "higher_is_better", "ignore_case", "ignore_numbers", "ignore_punctuation", "metric",
    "regexes_to_ignore",
  ]

  /// Whether a generated answer is the right one.
  func matches(_ answer: String, _ right: String) -> Bool {
    let texts = [answer, right].map { text -> String in
      var text = ignored.reduce(text) { $1.removed(from: $0) }
      if options["ignore_case"]?.bool == true { text = text.lowercased() }
      func drop(_ isDropped: (Unicode.Scalar) -> Bool) {
        text = String(String.UnicodeScalarView(text.unicodeScalars.filter { !isDropped($0) }))
      }
      if options["ignore_punctuation"]?.bool == true {
        drop { "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".unicodeScalars.contains($0) }
      }
      if options["ignore_numbers"]?.bool == true { drop { ("0"..."9").contains($0) } }
      return text
    }
    return texts[0].utf8.elementsEqual(texts[1].utf8)
  }
}

/// What is taken from a generated text before it is compared: an entry of `filter_list`.
struct AnswerFilter: Sendable {
  let name: String
  private let steps: [Step]

  private enum Step: Sendable {
    case pattern(TextPattern, group: Int, fallback: String)
    case stripped, lowercased, uppercased
  }

  /// The one that takes the text as it is.
  static let none = AnswerFilter(name: "none", steps: [])

  static func read(_ list: JSONValue?, _ file: String) throws -> [AnswerFilter] {
    guard let list = list?.array else { return [none] }
    return try list.map { entry in
      let steps = try (entry["filter"]?.array ?? []).compactMap { step -> Step? in
        switch step["function"]?.string ?? "nothing" {
        case "take_first": return nil
        case "remove_whitespace": return .stripped
        case "lowercase": return .lowercased
        case "uppercase": return .uppercased
        case "regex":
          return .pattern(
            try TextPattern(step["regex_pattern"]?.string ?? #"#### (\-?[0-9\.\,]+)"#, file),
            group: step["group_select"]?.int ?? 0, fallback: step["fallback"]?.string ?? "[invalid]")
        case let other:
          throw UpcycleError.usage(
            "is not known", at: "\(file): filter_list",
            expected: "regex, take_first, remove_whitespace, lowercase or uppercase", found: other)
        }
      }
      return AnswerFilter(name: entry["name"]?.string ?? "none", steps: steps)
    }
  }

  func apply(_ text: String) -> String {
    steps.reduce(text) { text, step in
      switch step {
      case .stripped: return pythonStripped(text)
      case .lowercased: return text.lowercased()
      case .uppercased: return text.uppercased()
      case .pattern(let pattern, let group, let fallback):
        let found = pattern.all(in: text)
        let place = group < 0 ? found.count + group : group
        guard found.indices.contains(place) else { return fallback }
        // Of several groups the first that holds something.
        guard let match = found[place].count == 1 ? found[place][0] : found[place].first(where: { !$0.isEmpty }) else {
          return pythonStripped(fallback)
        }
        return pythonStripped(match)
      }
    }
  }
}
