import Foundation
import Groundwork

/// A prompt with a better and a worse reply: right and well-formed against wrong, off-topic or malformed.
public struct PreferencePair: Codable, Equatable, Sendable {
  /// Up to where a reply begins.
  public var prompt: String
  /// Replies begin with their own space, so `prompt + reply` is the full text.
  public var chosen: String
  /// The worse reply.
  public var rejected: String

  /// Replies with their own space in front.
  public init(prompt: String, chosen: String, rejected: String) {
    self.prompt = prompt
    self.chosen = chosen
    self.rejected = rejected
  }
}

extension PreferencePair {
  /// How a line may look.
  static let layouts = """
    {"prompt": text, "chosen": text, "rejected": text}; or lists of messages as "chosen" and "rejected" (behind a \
    list as "prompt" also texts), "prompt" a list, a text that the user says, or none where both begin with it
    """

  /// Reads JSON Lines of `{"prompt": ..., "chosen": ..., "rejected": ...}` (texts; further keys are ignored,
  /// blank lines skipped), plain, gzip or zstd, each pair with the number of its line. A line that cannot be trained on
  /// is an error that names file, line and reason.
  ///
  /// The three may also be lists of messages (`PreferenceMessages`); then `template` writes them, and `isChat` says
  /// that the prompt holds its own beginning token.
  public static func read(_ url: URL, template: () throws -> ChatTemplate? = { nil }) throws -> [(
    line: Int, pair: PreferencePair, isChat: Bool
  )] {
    let file = try DocumentReader(url.path, format: .jsonl)
    var loaded: ChatTemplate?
    var pairs: [(line: Int, pair: PreferencePair, isChat: Bool)] = []
    try file.forEachLine { line, number, _ in
      let place = "\(url.path):\(number)"
      let messages = PreferenceMessages(UnsafeRawBufferPointer(line), number, of: url.path)
      let pair: PreferencePair
      if let messages {
        loaded = try loaded ?? template()
        guard let loaded else {
          throw UpcycleError("has messages, which need a model's chat template", at: place, expected: layouts)
        }
        pair = try messages.pair(writtenBy: loaded)
      } else {
        pair = try texts(Data(line), place, number)
      }
      if let problem = pair.problem {
        throw UpcycleError("is not a usable preference pair", at: place, found: problem)
      }
      pairs.append((number, pair, messages != nil))
    }
    if pairs.isEmpty { throw UpcycleError("holds no preference pairs", at: url.path) }
    return pairs
  }

  private static func texts(_ line: Data, _ place: String, _ number: Int) throws -> PreferencePair {
    do {
      return try decodeJSON(PreferencePair.self, from: line, file: place, what: "a preference pair", firstLine: number)
    } catch var error as UpcycleError {
      error.expected = layouts
      throw error
    }
  }

  /// What makes a pair useless, if anything.
  private var problem: String? {
    for (name, text) in [("prompt", prompt), ("chosen", chosen), ("rejected", rejected)]
    where text.allSatisfy(\.isWhitespace) {
      return "an empty \"\(name)\""
    }
    // Texts of equal characters may be other bytes, and other tokens.
    return chosen.utf8.elementsEqual(rejected.utf8) ? "the same text for \"chosen\" and \"rejected\"" : nil
  }
}
