/// What happens to a text before it is cut into words: the `normalizer` of a tokenizer.json.
struct TextNormalizer: Sendable {
  enum Step: Sendable {
    case form(UnicodeForm)
    /// Put in front of a text that is not empty.
    case prepend([UInt8])
    case replace([UInt8], with: [UInt8])
    /// SentencePiece's rules, for each character of a text.
    case characters(CharacterMap)
  }

  var steps: [Step] = []

  /// What Qwen's tokenizers do: Unicode's composed form.
  static let nfc = TextNormalizer(steps: [.form(.nfc)])

  /// The steps in a few words; part of a tokenizer's fingerprint.
  var summary: String {
    steps.map { step in
      switch step {
      case .form(let form): return form.rawValue
      case .prepend(let text): return "prepend \(text)"
      case .replace(let old, let new): return "replace \(old) \(new)"
      case .characters(let map): return "characters \(map.digest)"
      }
    }.joined(separator: ", ")
  }

  /// The normalised text; nil when nothing changes.
  /// - Parameter prepending: false leaves out what is put in front, for a text that continues another.
  func normalized(_ text: UnsafeBufferPointer<UInt8>, prepending: Bool = true) -> [UInt8]? {
    var current: [UInt8]?
    for step in steps {
      let next: [UInt8]?
      if let current {
        next = current.withUnsafeBufferPointer { Self.apply(step, $0, prepending) }
      } else {
        next = Self.apply(step, text, prepending)
      }
      current = next ?? current
    }
    return current
  }

  private static func apply(_ step: Step, _ text: UnsafeBufferPointer<UInt8>, _ prepending: Bool) -> [UInt8]? {
    switch step {
    case .form(let form): return form.normalized(text)
    case .prepend(let prefix): return text.isEmpty || !prepending ? nil : prefix + text
    case .replace(let old, let new): return replaced(text, old, new)
    case .characters(let map): return map.mapped(text)
    }
  }

  private static func replaced(_ text: UnsafeBufferPointer<UInt8>, _ old: [UInt8], _ new: [UInt8]) -> [UInt8]? {
    guard let first = old.first, text.contains(first) else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(text.count + text.count / 2)
    var index = 0
    while index < text.count {
      if text[index] == first, index + old.count <= text.count,
        old.indices.allSatisfy({ text[index + $0] == old[$0] })
      {
        out += new
        index += old.count
      } else {
        out.append(text[index])
        index += 1
      }
    }
    return out
  }
}
