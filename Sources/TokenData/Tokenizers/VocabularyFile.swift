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

  /// The table of bytes by id. Entries that `hidden` names, such as special tokens, are not findable.
  func layout(hidden: Set<Int32>) throws -> ByteStringTable {
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
    var table = ByteStringTable(capacity: size)
    for (id, number) in entry.enumerated() {
      guard number >= 0 else {
        table.append([], findable: false)
        continue
      }
      let spelling = spellings[Int(number)]
      let isHidden = hidden.contains(Int32(id))
      // A special token's spelling is its text; an ordinary piece is spelled in the byte alphabet.
      let bytes = isHidden ? Array(spelling) : ByteAlphabet.decode(spelling)
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

  /// The merge that a line "left right" stands for; throws when it is malformed.
  func merge(line: UnsafeRawBufferPointer, rank: Int) throws -> MergeTable.Merge {
    guard let space = line.firstIndex(of: 0x20), !line[(space + 1)...].contains(0x20),
      let merge = merge(
        left: UnsafeRawBufferPointer(rebasing: line[..<space]),
        right: UnsafeRawBufferPointer(rebasing: line[(space + 1)...]), rank: rank)
    else {
      throw UpcycleError(
        "has a merge that does not fit the vocabulary", at: file,
        expected: "two pieces whose union is a piece",
        found: "merge \(rank): '\(String(decoding: line.prefix(80), as: UTF8.self))'")
    }
    return merge
  }
}

/// A vocabulary (`{"piece": id}`) with its list of merges, as GPT-2, Llama-3 and Qwen publish them.
enum VocabularyMergesPair {
  static func load(vocabulary: URL, merges: URL) throws -> Tokenizer {
    var entries = VocabularyEntries(file: vocabulary.path)
    try JSONReader.parse(readFile(vocabulary), file: vocabulary.path) { try entries.read(&$0) }
    let specials = specialTokens(in: entries)
    let merges = try read(merges, entries: entries)
    let pieces = try entries.layout(hidden: Set(specials.map(\.id)))
    let pattern = pattern(of: pieces)
    // Qwen's tokenizer brings text to its composed form first; the pair of files does not say so.
    let bpe = try ByteLevelBPE(
      pieces: pieces, merges: merges, pattern: pattern, composes: pattern == .qwen, file: vocabulary.path)
    return Tokenizer(
      model: .byteLevel(bpe), addedTokens: specials,
      bos: TokenNames.first(of: TokenNames.beginning, in: specials),
      eos: TokenNames.first(of: TokenNames.end, in: specials))
  }

  /// The merges that belong to a vocabulary file: merges.txt or vocab.bpe, with the same prefix.
  static func merges(beside vocabulary: URL) throws -> URL {
    try partner(
      of: vocabulary, called: ["vocab", "encoder"], names: ["merges.txt", "vocab.bpe"],
      kind: "a vocabulary without merges")
  }

  /// The vocabulary that belongs to a file of merges: vocab.json or encoder.json, with the same prefix.
  static func vocabulary(beside merges: URL) throws -> URL {
    try partner(
      of: merges, called: ["merges", "vocab"], names: ["vocab.json", "encoder.json"],
      kind: "merges without a vocabulary")
  }

  private static func partner(of file: URL, called endings: [String], names: [String], kind: String) throws
    -> URL
  {
    let name = file.deletingPathExtension().lastPathComponent
    let prefix = endings.first { name.hasSuffix($0) }.map { String(name.dropLast($0.count)) } ?? ""
    let candidates = names.map { file.deletingLastPathComponent().appendingPathComponent(prefix + $0) }
    if let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.path) }) {
      return found
    }
    throw UpcycleError(
      "is \(kind)", at: file.path,
      expected: candidates.map(\.lastPathComponent).joined(separator: " or ") + " beside it",
      hint: "or name both: vocab.json,merges.txt")
  }

  private static func read(_ url: URL, entries: VocabularyEntries) throws -> [MergeTable.Merge] {
    let data = try readFile(url)
    var merges: [MergeTable.Merge] = []
    try data.withUnsafeBytes { bytes in
      var start = 0
      while start < bytes.count {
        let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
        var line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
        let isHeader = start == 0 && line.starts(with: "#version".utf8)
        start = end + 1
        if line.last == 0x0D { line = UnsafeRawBufferPointer(rebasing: line.dropLast()) }
        if line.isEmpty || isHeader { continue }
        merges.append(try entries.merge(line: line, rank: merges.count))
      }
    }
    return merges
  }

  /// Entries spelled `<|…|>`: no merge makes them.
  private static func specialTokens(in entries: VocabularyEntries) -> [AddedToken] {
    (0..<entries.spellings.count).compactMap { number in
      let spelling = entries.spellings[number]
      guard spelling.count > 4, spelling.starts(with: "<|".utf8), spelling.reversed().starts(with: ">|".utf8)
      else {
        return nil
      }
      return AddedToken(id: entries.ids[number], text: String(decoding: spelling, as: UTF8.self))
    }
  }

  /// The split pattern leaves a trace in the vocabulary: the longest piece of digits. GPT-2 keeps numbers
  /// whole, Llama-3 cuts after three digits, Qwen after each.
  private static func pattern(of pieces: ByteStringTable) -> SplitPattern {
    let longest =
      (0..<pieces.count).map { id in
        pieces[id].allSatisfy { 0x30...0x39 ~= $0 } ? pieces.length(id) : 0
      }.max() ?? 0
    return longest > 3 ? .gpt2 : longest > 1 ? .llama3 : .qwen
  }
}
