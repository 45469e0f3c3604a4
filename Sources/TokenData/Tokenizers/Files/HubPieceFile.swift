import Foundation
import Groundwork

/// Pieces of llama2.c's kind as Hugging Face's tokenizer.json, spelled as its converter from SentencePiece does: BPE over
/// characters with byte fallback, every text with a U+2581 in front and for each space. The ids are the same, but where
/// a text itself has U+2581: there it is a space, here the character.
enum HubPieceFile {
  /// Why a vocabulary has no tokenizer.json that gives the same ids.
  struct Inexpressible: Error { let reason: String }

  private static let space = "\u{2581}"

  /// - Throws: `Inexpressible`
  static func text(_ tokenizer: Tokenizer) throws -> String {
    guard case .pieces(let vocabulary) = tokenizer.model, vocabulary.merges.isEmpty, tokenizer.normalizer.steps.isEmpty,
      vocabulary.settings.summary == PieceVocabulary.Settings.llama2c.summary
    else { throw Inexpressible(reason: "its pieces are not llama2.c's") }
    if vocabulary.pieces.find([0x20]) == nil { throw Inexpressible(reason: "none of its pieces is a space") }
    let spellings = try spellings(vocabulary, tokenizer)
    let unknown = vocabulary.unknown.map { quoted(spellings[Int($0)]) } ?? "null"
    let entries = spellings.enumerated().filter { !$0.element.isEmpty }.map { "\(quoted($0.element)): \($0.offset)" }
    let merges = try merges(vocabulary).map { merge in
      quoted("\(spellings[Int(merge.left)]) \(spellings[Int(merge.right)])")
    }
    return tokenizer.hubText(
      normalizer: normalizer.text(), decoder: decoder, unknown: unknown, vocabulary: entries, merges: merges)
  }

  private static func quoted(_ text: String) -> String { JSONValue.string(text).text() }

  /// By id; special tokens as a text spells them.
  private static func spellings(_ vocabulary: PieceVocabulary, _ tokenizer: Tokenizer) throws -> [String] {
    let names = Dictionary(tokenizer.addedTokens.map { ($0.id, $0.text) }) { first, _ in first }
    // Strings are equal where their composed forms are; pieces are not.
    var seen = Set<[UInt8]>()
    return try (0..<vocabulary.pieces.count).map { number in
      let id = Int32(number)
      let byte = vocabulary.byteOfID[id].map { String(format: "<0x%02X>", Int($0)) }
      let spelling = names[id] ?? byte ?? PieceFile.spelled(vocabulary.pieces[number])
      if !spelling.isEmpty, !seen.insert(Array(spelling.utf8)).inserted {
        throw Inexpressible(reason: "two of its pieces are spelled \(quoted(spelling))")
      }
      return spelling
    }
  }

  /// In rank order, best score first.
  private static func merges(_ vocabulary: PieceVocabulary) throws -> [MergeTable.Merge] {
    guard let scores = vocabulary.scores else { return [] }
    let merges = PieceVocabulary.merges(vocabulary.pieces, scores: scores)
    // Of equal scores the leftmost pair merges first, which ranks cannot say.
    var made: [UInt32: Int32] = [:]
    for merge in merges {
      if let other = made.updateValue(merge.merged, forKey: merge.priority), other != merge.merged {
        throw Inexpressible(reason: "pieces \(other) and \(merge.merged) have one score")
      }
    }
    func order(_ merge: MergeTable.Merge) -> (UInt32, Int) {
      (merge.priority, -vocabulary.pieces.length(Int(merge.left)))
    }
    return merges.sorted { order($0) < order($1) }
  }

  private static let normalizer = JSONValue.object([
    "type": .string("Sequence"),
    "normalizers": .array([
      .object(["type": .string("Prepend"), "prepend": .string(space)]),
      .object([
        "type": .string("Replace"), "pattern": .object(["String": .string(" ")]), "content": .string(space),
      ]),
    ]),
  ])

  private static let decoder = JSONValue.object([
    "type": .string("Sequence"),
    "decoders": .array([
      .object([
        "type": .string("Replace"), "pattern": .object(["String": .string(space)]), "content": .string(" "),
      ]),
      .object(["type": .string("ByteFallback")]), .object(["type": .string("Fuse")]),
      .object(["type": .string("Strip"), "content": .string(" "), "start": .int(1), "stop": .int(0)]),
    ]),
  ])
}

extension TokenizerFile {
  /// The files of a model folder's tokenizer for other programs: as they are, but pieces in our own format or
  /// llama2.c's, which nobody else reads, become Hugging Face's tokenizer.json, and a beginning token that we put in front
  /// although no file says so is written down (`BoundaryTokens`): others would leave it out.
  /// - Returns: the files, and what is not the same there
  public static func forOtherPrograms(in folder: URL) throws -> (files: [TokenizerFile], notes: [String]) {
    let files = try all(in: folder)
    func file(_ name: String) -> TokenizerFile? { files.first { $0.name == name } }
    let json = file("tokenizer.json")
    guard let own = json ?? (file("tokenizer.model") == nil ? file("tokenizer.bin") : nil),
      json == nil || Tokenizer.isPieceFile(own)
    else { return (try json.map { try sayingWhatBegins(files, $0, in: folder) } ?? files, []) }
    let tokenizer = try Tokenizer.load(from: folder)
    let text: String
    do { text = try HubPieceFile.text(tokenizer) } catch let problem as HubPieceFile.Inexpressible {
      return (
        files.filter { $0.name != own.name },
        ["\(own.name) is left out: other programs do not read this format, and \(problem.reason)"]
      )
    }
    var configuration: [String: JSONValue] = [:]
    if let settings = file("tokenizer_config.json") {
      let told = try JSONValue(parsing: settings.content, dialect: .nonFinite, file: settings.path)
      configuration = told.object ?? [:]
    }
    configuration.merge(tokenizer.configuration) { told, _ in told }
    func made(_ name: String, _ text: String) -> TokenizerFile {
      TokenizerFile(name: name, content: Data(text.utf8), path: own.path)
    }
    let kept = files.filter { $0.name != own.name && $0.name != "tokenizer_config.json" }
    return (
      kept + [
        made("tokenizer.json", text),
        made("tokenizer_config.json", JSONValue.object(configuration).text(pretty: true) + "\n"),
      ],
      ["\(own.name) is written as a tokenizer.json of Hugging Face, which takes U+2581 in a text for a space"]
    )
  }

  /// The files with a post-processor in tokenizer.json where it has none, nothing else says what begins a text, and the
  /// tokenizer begins it all the same.
  private static func sayingWhatBegins(
    _ files: [TokenizerFile], _ json: TokenizerFile, in folder: URL
  ) throws -> [TokenizerFile] {
    let configuration = try TokenizerConfiguration(folder: folder)
    if configuration.flag("add_bos_token") != nil || configuration.tokenizerClass != nil { return files }
    let empty = /"post_processor"\s*:\s*null/
    let text = String(decoding: json.content, as: UTF8.self)
    guard text.firstMatch(of: empty) != nil else { return files }
    let tokenizer = try Tokenizer.load(from: folder)
    if tokenizer.documentStart.isEmpty { return files }
    let told = text.replacing(empty, maxReplacements: 1) { _ in "\"post_processor\": \(tokenizer.postProcessor.text())"
    }
    return files.map { file in
      file.name == json.name ? TokenizerFile(name: file.name, content: Data(told.utf8), path: file.path) : file
    }
  }
}
