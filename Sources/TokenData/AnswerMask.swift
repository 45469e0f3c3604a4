/// Which tokens of a text are answers: what follows a marker ("Assistant:", "Answer:" or "Program:") up to the end of
/// its line or document, the token that ends it included. Self-distillation learns on these (FarSkip: "output
/// tokens").
public struct AnswerMask: Sendable {
  /// What stands before an answer in the microworld's text.
  public static let markers = ["Assistant:", "Answer:", "Program:"]
  private static let markerBytes = markers.map { Array($0.utf8) }

  /// The bytes of every token.
  private let pieces: [[UInt8]]
  private let end: Int32?

  /// Decodes the whole vocabulary once.
  public init(_ tokenizer: Tokenizer) {
    pieces = (0..<Int32(tokenizer.vocabularySize)).map { tokenizer.decodeBytes([$0], continuing: true) }
    end = tokenizer.eos
  }

  /// True for every token of `ids` that belongs to an answer. What comes before the first marker is none, since a
  /// window may begin anywhere.
  public func answers(_ ids: [Int32]) -> [Bool] {
    var found = [Bool](repeating: false, count: ids.count)
    var isOpen = false
    // The bytes of the line so far, to look for a marker in.
    var line: [UInt8] = []
    for (index, id) in ids.enumerated() {
      found[index] = isOpen
      if id == end {
        (isOpen, line) = (false, [])
        continue
      }
      for byte in pieces.indices.contains(Int(id)) ? pieces[Int(id)] : [] {
        if byte == UInt8(ascii: "\n") {
          (isOpen, line) = (false, [])
          continue
        }
        line.append(byte)
        if !isOpen
          && Self.markerBytes.contains(where: { line.count >= $0.count && line.suffix($0.count).elementsEqual($0) })
        {
          isOpen = true
        }
      }
    }
    return found
  }
}
