import Groundwork

/// The normalizer, pre_tokenizer and decoder of a tokenizer.json, as far as they are known.
struct TokenizerPipeline {
  private(set) var normalizer = TextNormalizer()
  private(set) var preTokenizer = PreTokenizer.splits([])
  /// True when words are bytes in the byte alphabet, false when they are characters.
  private(set) var isByteLevel = false
  private(set) var addsPrefixSpace = false
  /// How pieces over characters treat spaces.
  private(set) var pieces = PieceVocabulary.Settings()
  private let file: String

  /// U+2581, which SentencePiece writes for a space.
  private static let spaceSymbol = "\u{2581}"

  init(normalizer: JSONValue?, preTokenizer: JSONValue?, decoder: JSONValue?, file: String) throws {
    self.file = file
    pieces.space = .none
    pieces.readsSpaceSymbol = true
    pieces.dropsSpace = false
    self.normalizer.steps = try Self.steps(normalizer, "normalizers").map(step)
    var splits: [PreTokenizer.Split] = []
    for value in Self.steps(preTokenizer, "pretokenizers") { try read(value, &splits) }
    self.preTokenizer = Self.simplified(splits)
    if isByteLevel { return }
    pieces.preTokenizer = self.preTokenizer
    for value in Self.steps(decoder, "decoders") {
      let drops = value["type"]?.string == "Strip" && value["content"]?.string == " " && (value["start"]?.int ?? 0) > 0
      if drops { pieces.dropsSpace = true }
      if value["type"]?.string == "Metaspace", Self.scheme(value) != "never" { pieces.dropsSpace = true }
    }
  }

  /// The parts of a sequence, or the one step that stands there.
  private static func steps(_ value: JSONValue?, _ key: String) -> [JSONValue] {
    guard let value, value != .null else { return [] }
    return value["type"]?.string == "Sequence" ? (value[key]?.array ?? []).flatMap { steps($0, key) } : [value]
  }

  private func refusal(_ feature: String, expected: String, found: String) -> UpcycleError {
    UpcycleError("uses \(feature), which is not supported", at: file, expected: expected, found: found)
  }

  // MARK: Normalizer

  private func step(_ value: JSONValue) throws -> TextNormalizer.Step {
    switch value["type"]?.string {
    case let type? where UnicodeForm(rawValue: type) != nil: return .form(UnicodeForm(rawValue: type)!)
    case "Prepend":
      if let text = value["prepend"]?.string { return .prepend(Array(text.utf8)) }
    case "Replace":
      if let old = value["pattern"]?["String"]?.string, !old.isEmpty, let new = value["content"]?.string {
        return .replace(Array(old.utf8), with: Array(new.utf8))
      }
    default: break
    }
    throw refusal(
      "a normalizer", expected: "NFC, NFD, NFKC, NFKD, Prepend or Replace of a text",
      found: "\((value["type"]?.text() ?? value.text()).prefix(120))")
  }

  // MARK: Pre-tokenizer

  private mutating func read(_ value: JSONValue, _ splits: inout [PreTokenizer.Split]) throws {
    if isByteLevel {
      throw refusal("a pre-tokenizer behind ByteLevel", expected: "ByteLevel at the end", found: text(value))
    }
    switch value["type"]?.string {
    case "ByteLevel":
      isByteLevel = true
      addsPrefixSpace = value["add_prefix_space"]?.bool ?? true
      if addsPrefixSpace, !splits.isEmpty {
        throw refusal("add_prefix_space behind another pre-tokenizer", expected: "false", found: "true")
      }
      if value["use_regex"]?.bool ?? true { splits.append(.init(matcher: .pattern(.gpt2), behavior: .isolated)) }
    case "Metaspace": try readMetaspace(value, &splits)
    case "Split": if let split = try split(value) { splits.append(split) }
    case "Digits":
      let each = value["individual_digits"]?.bool ?? false
      splits.append(try expression(each ? #"\p{N}"# : #"\p{N}+"#))
    case "Punctuation":
      let behavior = PreTokenizer.Split.Behavior(rawValue: value["behavior"]?.string ?? "Isolated") ?? .isolated
      splits.append(try expression(#"[\p{P}$+<=>^`|~]"#, behavior))
    default:
      throw refusal(
        "a pre-tokenizer", expected: "Split, Digits, Punctuation, Metaspace or ByteLevel", found: text(value))
    }
  }

  private func text(_ value: JSONValue) -> String { "\(value.text().prefix(120))" }

  private mutating func readMetaspace(_ value: JSONValue, _ splits: inout [PreTokenizer.Split]) throws {
    guard splits.isEmpty, pieces.space == .none, value["replacement"]?.string ?? Self.spaceSymbol == Self.spaceSymbol
    else {
      throw refusal(
        "Metaspace behind another pre-tokenizer or with its own symbol", expected: "U+2581", found: text(value))
    }
    switch Self.scheme(value) {
    case "always": pieces.space = .unlessThere
    case "first": pieces.space = .firstUnlessThere
    case "never": break
    default: throw refusal("a prepend_scheme", expected: "always, first or never", found: text(value))
    }
    if value["split"]?.bool ?? true {
      splits.append(.init(matcher: .text([0x20]), behavior: .mergedWithNext))
    }
  }

  /// "always", "first" or "never"; older files say `add_prefix_space`.
  private static func scheme(_ value: JSONValue) -> String {
    value["prepend_scheme"]?.string ?? (value["add_prefix_space"]?.bool ?? true ? "always" : "never")
  }

  /// A Split step; nil for one that never finds anything, since no space is left after the normalizer.
  private func split(_ value: JSONValue) throws -> PreTokenizer.Split? {
    guard let behavior = PreTokenizer.Split.Behavior(rawValue: value["behavior"]?.string ?? "") else {
      throw refusal("a split", expected: "a behavior such as Isolated", found: text(value))
    }
    let isInverted = value["invert"]?.bool ?? false
    if let wanted = value["pattern"]?["String"]?.string, !wanted.isEmpty {
      let replacesSpaces = normalizer.steps.contains {
        if case .replace([0x20], with: Array(Self.spaceSymbol.utf8)) = $0 { return true } else { return false }
      }
      if wanted == " ", replacesSpaces, !isInverted { return nil }
      return .init(
        matcher: .text(PieceVocabulary.readingSpaceSymbol(Array(wanted.utf8))), behavior: behavior,
        isInverted: isInverted)
    }
    guard let source = value["pattern"]?["Regex"]?.string else {
      throw refusal("a split", expected: "a pattern of kind Regex or String", found: text(value))
    }
    var split = try expression(source, behavior)
    split.isInverted = isInverted
    return split
  }

  private func expression(_ source: String, _ behavior: PreTokenizer.Split.Behavior = .isolated) throws
    -> PreTokenizer.Split
  {
    if let known = SplitPattern.allCases.first(where: { $0.expressions.contains(source) }) {
      return .init(matcher: .pattern(known), behavior: behavior)
    }
    do { return .init(matcher: .expression(try SplitExpression(source)), behavior: behavior) } catch let failure
      as SplitExpressionParser.Failure
    {
      throw refusal(
        "a split pattern with \(failure.reason)", expected: "the usual syntax", found: "\(source.prefix(120))")
    }
  }

  /// Splits that have a scanner of their own become it.
  private static func simplified(_ splits: [PreTokenizer.Split]) -> PreTokenizer {
    if splits.count == 1, case .pattern(let pattern) = splits[0].matcher,
      splits[0].behavior == .isolated && !splits[0].isInverted || splits[0].behavior == .removed && splits[0].isInverted
    {
      return .pattern(pattern)
    }
    if splits.count == 2, case .expression(let digits) = splits[0].matcher, digits.source == #"\p{N}"#,
      splits[0].behavior == .isolated, !splits[0].isInverted, case .pattern(.gpt2) = splits[1].matcher
    {
      return .pattern(.gpt2SingleDigits)
    }
    return .splits(splits)
  }
}

extension SplitPattern {
  /// The spellings of this pattern in published tokenizer.json files.
  fileprivate var expressions: [String] {
    switch self {
    case .gpt2:
      return [regularExpression, #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#]
    case .llama3, .qwen: return [regularExpression]
    case .gpt2SingleDigits: return []
    }
  }
}
