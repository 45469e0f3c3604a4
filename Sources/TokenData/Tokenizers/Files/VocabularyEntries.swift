import Foundation
import Groundwork

/// The pieces of a byte-level vocabulary as they are read from a file, before ids are laid out.
struct VocabularyEntries {
  /// Spellings in the byte alphabet, in the file's order.
  private(set) var spellings = ByteStringTable(capacity: 1 << 10)
  private(set) var ids: [Int32] = []
  private let file: String

  init(file: String) { self.file = file }

  /// Reads `{"piece": id, …}`.
  mutating func read(_ reader: inout JSONReader) throws {
    try reader.object { reader, key in
      let id = try reader.integer()
      guard id >= 0, id < 1 << 24 else {
        throw UpcycleError("has an impossible id", at: file, expected: "0 to \(1 << 24 - 1)", found: "\(id)")
      }
      guard spellings.find(key) == nil else {
        throw UpcycleError("names a piece twice", at: file, found: String(decoding: key, as: UTF8.self))
      }
      spellings.append(key)
      ids.append(Int32(id))
    }
  }

  /// Id of a spelling.
  func id(of spelling: UnsafeRawBufferPointer) -> Int32? { spellings.find(spelling).map { ids[$0] } }

  func id(of spelling: String) -> Int32? { Array(spelling.utf8).withUnsafeBytes { id(of: $0) } }

  /// The spelling of each id as the file has it, empty for an id that has none.
  func byID() throws -> [[UInt8]] { try numbersByID().map { $0 < 0 ? [] : Array(spellings[Int($0)]) } }

  /// The number in `spellings` of each id, -1 where there is none.
  private func numbersByID() throws -> [Int32] {
    let size = Int(ids.max() ?? -1) + 1
    guard size <= 2 * ids.count + 4096 else {
      throw UpcycleError(
        "has ids far beyond its number of pieces", at: file, expected: "ids below about \(ids.count)",
        found: "\(size - 1)")
    }
    var entry = [Int32](repeating: -1, count: size)
    for (number, id) in ids.enumerated() {
      guard entry[Int(id)] < 0 else {
        throw UpcycleError("gives two pieces one id", at: file, found: "id \(id)")
      }
      entry[Int(id)] = Int32(number)
    }
    return entry
  }

  /// The table of bytes by id. Entries that `hidden` names, such as special tokens, are not findable, unless a byte of
  /// any text would be lost with them.
  func layout(hidden: Set<Int32>) throws -> ByteStringTable {
    let entry = try numbersByID()
    var table = ByteStringTable(capacity: entry.count)
    for (id, number) in entry.enumerated() {
      guard number >= 0 else {
        table.append([], findable: false)
        continue
      }
      let spelling = spellings[Int(number)]
      let decoded = ByteAlphabet.decode(spelling)
      let isHidden = hidden.contains(Int32(id)) && decoded?.count != 1
      // A special token's spelling is its text; an ordinary piece is spelled in the byte alphabet.
      let bytes = isHidden ? Array(spelling) : decoded
      table.append(bytes ?? Array(spelling), findable: !isHidden && bytes != nil)
    }
    return table
  }

  /// The merge of two spellings. `nil` when a part or the whole is no piece.
  func merge(left: UnsafeRawBufferPointer, right: UnsafeRawBufferPointer, rank: Int) -> MergeTable.Merge? {
    guard let leftID = id(of: left), let rightID = id(of: right) else { return nil }
    let whole = withUnsafeTemporaryAllocation(byteCount: left.count + right.count, alignment: 1) { joined in
      joined.copyMemory(from: left)
      UnsafeMutableRawBufferPointer(rebasing: joined[left.count...]).copyMemory(from: right)
      return id(of: UnsafeRawBufferPointer(joined))
    }
    return whole.map { .init(left: leftID, right: rightID, priority: UInt32(rank), merged: $0) }
  }

  /// Stands between the parts of a merge; no UTF-8 has it.
  static let separator: UInt8 = 0xFF

  /// The merge that "left right" stands for; throws when it is malformed.
  /// - Parameter separator: what stands between the parts.
  func merge(line: UnsafeRawBufferPointer, rank: Int, separator: UInt8 = Self.separator) throws -> MergeTable.Merge {
    guard let space = line.firstIndex(of: separator), !line[(space + 1)...].contains(separator),
      let merge = merge(
        left: UnsafeRawBufferPointer(rebasing: line[..<space]),
        right: UnsafeRawBufferPointer(rebasing: line[(space + 1)...]), rank: rank)
    else {
      throw UpcycleError(
        "has a merge that does not fit the vocabulary", at: file,
        expected: "two pieces whose union is a piece",
        found:
          "merge \(rank): '\(String(decoding: line.prefix(80).map { $0 == separator ? 0x20 : $0 }, as: UTF8.self))'")
    }
    return merge
  }
}
