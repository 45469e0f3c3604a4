import Foundation
import Groundwork

/// SentencePiece's `precompiled_charsmap`: a little-endian u32 length, a double-array trie of so many bytes (u32 units,
/// as the darts-clone library lays them out) whose values are offsets, and the texts at these offsets, each closed by a
/// zero byte. The longest entry that a text starts with is replaced by its text.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let texts: [UInt8]
  let digest: String

  /// - Throws: when the map does not hold together.
  init(_ data: [UInt8], file: String) throws {
    func unit(_ index: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(data[4 * index + $1]) << UInt32(8 * $1) }
    }
    let size = data.count < 4 ? 0 : Int(unit(0))
    guard size >= 4, size % 4 == 0, size <= data.count - 4 else {
      throw UpcycleError(
        "has a broken normalisation map", at: file, expected: "a trie of at most \(max(data.count - 4, 0)) bytes",
        found: "\(size)")
    }
    units = (1...size / 4).map(unit)
    texts = Array(data[(4 + size)...])
    digest = String(sha256(Data(data)).prefix(16))
  }

  /// The text with every character mapped; nil when nothing changes.
  func mapped(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var out: [UInt8] = []
    out.reserveCapacity(text.count)
    var index = 0
    while index < text.count { index += append(text, at: index, to: &out) }
    return out.elementsEqual(text) ? nil : out
  }

  /// Appends what the character at `index` becomes; a byte of no valid character becomes U+FFFD.
  /// - Returns: the bytes consumed.
  func append(_ text: UnsafeBufferPointer<UInt8>, at index: Int, to out: inout [UInt8]) -> Int {
    if let (length, offset) = longestMatch(text, at: index) {
      var end = offset
      while end < texts.count, texts[end] != 0 { end += 1 }
      out += texts[min(offset, end)..<end]
      return length
    }
    let length = ScalarClassifier.sequenceLength(text.baseAddress!, at: index, end: text.count)
    if length == 0 {
      out += [0xEF, 0xBF, 0xBD]
      return 1
    }
    out += text[index..<index + length]
    return length
  }

  /// darts-clone's `commonPrefixSearch`: a unit is label (8 bits), has-leaf (bit 8), offset (bits 10 up, shifted by 8
  /// with bit 9); a leaf's value is its lower 31 bits.
  private func longestMatch(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> (length: Int, offset: Int)? {
    func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & 1 << 9) >> 6)) }
    var node = offset(units[0])
    var found: (length: Int, offset: Int)?
    for index in start..<text.count {
      node ^= Int(text[index])
      guard node < units.count, units[node] & (1 << 31 | 0xFF) == UInt32(text[index]) else { break }
      let unit = units[node]
      node ^= offset(unit)
      if unit >> 8 & 1 == 1 {
        guard node < units.count else { break }
        found = (index - start + 1, Int(units[node] & (1 << 31 - 1)))
      }
    }
    return found
  }
}
