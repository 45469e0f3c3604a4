/// A sentence with slots, split once so that filling it is a few appends. A slot is one letter in braces.
struct Template: Sendable, ExpressibleByStringLiteral {
  enum Piece: Sendable {
    case text(String)
    case slot(Character)
  }
  let pieces: [Piece]

  init(stringLiteral value: String) { self.init(value) }

  init(_ text: String) {
    var pieces: [Piece] = []
    var literal = ""
    var rest = text[...]
    while let brace = rest.firstIndex(of: "{") {
      literal += rest[..<brace]
      let slot = rest.index(after: brace)
      if !literal.isEmpty { pieces.append(.text(literal)) }
      literal = ""
      pieces.append(.slot(rest[slot]))
      rest = rest[rest.index(slot, offsetBy: 2)...]
    }
    literal += rest
    if !literal.isEmpty { pieces.append(.text(literal)) }
    self.pieces = pieces
  }

  /// One template per line.
  static func list(_ text: String) -> [Template] { Lexicon.phrases(text).map { Template($0) } }

  func filled(_ fill: (Character) -> String) -> String {
    var out = ""
    for piece in pieces {
      switch piece {
      case .text(let text): out += text
      case .slot(let slot): out += fill(slot)
      }
    }
    return out
  }
}

extension String {
  /// With its first letter in upper case (ASCII, as all our sentences are).
  var capitalisedFirst: String {
    guard let first = utf8.first, first >= 0x61, first <= 0x7a else { return self }
    return String(decoding: [first - 0x20], as: UTF8.self) + dropFirst()
  }
  /// Capitalised at its beginning and after an opening quotation mark there; "a axe" becomes "an axe".
  var sentence: String { capitalisedFirst.withCorrectArticles }

  /// "a" before a vowel becomes "an". Our words have no silent h and no "unit"-like u except "umber".
  var withCorrectArticles: String {
    let bytes = Array(utf8)
    guard bytes.count > 3 else { return self }
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count + 4)
    for i in bytes.indices {
      out.append(bytes[i])
      if bytes[i] == 0x61 || bytes[i] == 0x41, i + 2 < bytes.count, bytes[i + 1] == 0x20,
        i == 0 || bytes[i - 1] == 0x20 || bytes[i - 1] == 0x22 || bytes[i - 1] == 0x0a,
        [0x61, 0x65, 0x69, 0x6f, 0x75].contains(bytes[i + 2])
      {
        out.append(0x6e)
      }
    }
    return out.count == bytes.count ? self : String(decoding: out, as: UTF8.self)
  }

  /// "Mira" -> "Mira's".
  var possessive: String { self + "'s" }
  /// The text after the last "the ", or all of it: "the lantern" -> "lantern".
  var withoutArticle: String { hasPrefix("the ") ? String(dropFirst(4)) : self }
}
