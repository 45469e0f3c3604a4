import Foundation
import Groundwork

extension Tokenizer {
  /// Writes the tokenizer into `folder`; loading it gives an equal one. A tokenizer that was read from a folder is
  /// copied byte for byte, with all that belongs to it (chat template, generation settings). One that was made or read
  /// from a single file is written: byte-level BPE as Hugging Face's tokenizer.json, with tokenizer_config.json naming
  /// the beginning and end tokens, piece vocabularies in our own format (see `PieceFile`).
  public func save(to folder: URL) throws {
    let file = folder.appendingPathComponent("tokenizer.json")
    if !files.isEmpty {
      for file in files { try writeFile(file.content, to: folder.appendingPathComponent(file.name)) }
      return
    }
    switch model {
    case .pieces(let vocabulary): try writeFile(PieceFile.text(vocabulary, bos: bos, eos: eos), to: file)
    case .byteLevel(let bpe):
      try writeFile(text(bpe), to: file)
      try writeFile(
        JSONValue.object(configuration).text(pretty: true) + "\n",
        to: folder.appendingPathComponent("tokenizer_config.json"))
    }
  }

  /// The tokenizer_config.json that goes with a tokenizer.json which says all the rest.
  var configuration: [String: JSONValue] {
    func name(_ id: Int32?) -> JSONValue {
      id.flatMap { id in addedTokens.first { $0.id == id } }.map { .string($0.text) } ?? .null
    }
    return [
      "tokenizer_class": .string("PreTrainedTokenizerFast"), "bos_token": name(bos), "eos_token": name(eos),
      "clean_up_tokenization_spaces": .bool(false),
    ]
  }

  /// Hugging Face's tokenizer.json of byte-level BPE whose text is cut by a pattern that we know by name, whatever files
  /// it was read from; nil for other tokenizers.
  public var huggingFaceText: String? {
    guard case .byteLevel(let bpe) = model, case .pattern = bpe.preTokenizer else { return nil }
    return text(bpe)
  }

  private func text(_ bpe: ByteLevelBPE) -> String {
    let hidden = Set(addedTokens.map(\.id))
    let vocabulary = (0..<bpe.pieces.count).compactMap { id -> String? in
      let bytes = bpe.pieces[id]
      if bytes.isEmpty { return nil }
      let isText = hidden.contains(Int32(id)) || bpe.pieces.find(Array(bytes)) != id
      return
        "\(isText ? JSONValue.string(String(decoding: bytes, as: UTF8.self)).text() : spelled(bytes)): \(id)"
    }
    let merges = bpe.merges.map {
      "[\(spelled(bpe.pieces[Int($0.left)])), \(spelled(bpe.pieces[Int($0.right)]))]"
    }
    return hubText(
      normalizer: normalizer.steps.isEmpty ? "null" : "{\"type\": \"NFC\"}",
      preTokenizer: Self.preTokenizer(bpe.preTokenizer), decoder: Self.byteLevel(usingRegex: true),
      ignoresMerges: bpe.ignoresMerges, vocabulary: vocabulary, merges: merges)
  }

  /// A tokenizer.json of Hugging Face's BPE, in the order in which `tokenizers` writes it.
  /// - Parameters:
  ///   - normalizer: as JSON
  ///   - unknown: the token for what no piece spells, as JSON; given, bytes are tried before it
  ///   - vocabulary: entries `"piece": id`
  ///   - merges: entries, as JSON
  func hubText(
    normalizer: String, preTokenizer: JSONValue = .null, decoder: JSONValue, unknown: String? = nil,
    ignoresMerges: Bool = false, vocabulary: [String], merges: [String]
  ) -> String {
    let isPieces = unknown != nil
    var text = "{\n\"version\": \"1.0\",\n\"truncation\": null,\n\"padding\": null,\n"
    text += "\"added_tokens\": [\n\(addedTokensText)\n],\n"
    text += "\"normalizer\": \(normalizer),\n\"pre_tokenizer\": \(preTokenizer.text()),\n"
    text += "\"post_processor\": \(postProcessor.text()),\n\"decoder\": \(decoder.text()),\n"
    text += "\"model\": {\n\"type\": \"BPE\",\n\"dropout\": null,\n\"unk_token\": \(unknown ?? "null"),\n"
    text += "\"continuing_subword_prefix\": null,\n\"end_of_word_suffix\": null,\n\"fuse_unk\": \(isPieces),\n"
    text += "\"byte_fallback\": \(isPieces),\n\"ignore_merges\": \(ignoresMerges),\n"
    text += "\"vocab\": {\n\(vocabulary.joined(separator: ",\n"))\n},\n"
    text += "\"merges\": [\n\(merges.joined(separator: ",\n"))\n]\n}\n}\n"
    return text
  }

  /// The added tokens as tokenizer.json has them, between commas.
  private var addedTokensText: String {
    addedTokens.map { token in
      let content = JSONValue.string(token.text).text()
      return "{\"id\": \(token.id), \"content\": \(content), \"single_word\": \(token.isSingleWord), "
        + "\"lstrip\": \(token.stripsLeft), \"rstrip\": \(token.stripsRight), "
        + "\"normalized\": \(token.isNormalized), \"special\": \(token.isSpecial)}"
    }.joined(separator: ",\n")
  }

  /// A piece in the byte alphabet, quoted; of what JSON escapes, only two characters are in it.
  private func spelled(_ bytes: some Sequence<UInt8>) -> String {
    var text = "\""
    for byte in bytes {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text += "\\" }
      text.unicodeScalars.append(ByteAlphabet.scalars[Int(byte)])
    }
    return text + "\""
  }

  /// Puts in front of every text what this tokenizer puts there; null where that is nothing.
  var postProcessor: JSONValue {
    if documentStart.isEmpty && documentEnd.isEmpty { return .null }
    func part(_ id: Int32) -> JSONValue {
      .object(["SpecialToken": .object(["id": .string(spelling(id)), "type_id": .int(0)])])
    }
    let text = JSONValue.object(["Sequence": .object(["id": .string("A"), "type_id": .int(0)])])
    let second = JSONValue.object(["Sequence": .object(["id": .string("B"), "type_id": .int(0)])])
    let (start, end) = (documentStart.map(part), documentEnd.map(part))
    let tokens = (documentStart + documentEnd).map { id in
      let name = JSONValue.string(spelling(id))
      return (spelling(id), JSONValue.object(["id": name, "ids": .array([.int(Int(id))]), "tokens": .array([name])]))
    }
    return .object([
      "type": .string("TemplateProcessing"), "single": .array(start + [text] + end),
      "pair": .array(start + [text] + end + start + [second] + end),
      "special_tokens": .object(Dictionary(tokens) { first, _ in first }),
    ])
  }

  private func spelling(_ id: Int32) -> String {
    addedTokens.first { $0.id == id }?.text ?? decode([id], showingSpecials: true, continuing: true)
  }

  private static func byteLevel(usingRegex: Bool) -> JSONValue {
    .object([
      "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "trim_offsets": .bool(false),
      "use_regex": .bool(usingRegex),
    ])
  }

  private static func preTokenizer(_ preTokenizer: PreTokenizer) -> JSONValue {
    func sequence(_ first: JSONValue, usingRegex: Bool) -> JSONValue {
      .object([
        "type": .string("Sequence"), "pretokenizers": .array([first, byteLevel(usingRegex: usingRegex)]),
      ])
    }
    guard case .pattern(let pattern) = preTokenizer else {
      preconditionFailure("a tokenizer with splits of its own is read from files, which are copied")
    }
    switch pattern {
    case .gpt2: return byteLevel(usingRegex: true)
    case .gpt2SingleDigits:
      return sequence(
        .object(["type": .string("Digits"), "individual_digits": .bool(true)]), usingRegex: true)
    case .llama3, .qwen:
      let split = JSONValue.object([
        "type": .string("Split"), "pattern": .object(["Regex": .string(pattern.regularExpression)]),
        "behavior": .string("Isolated"), "invert": .bool(false),
      ])
      return sequence(split, usingRegex: false)
    }
  }
}
