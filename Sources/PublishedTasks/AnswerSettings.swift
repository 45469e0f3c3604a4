import Groundwork
import TokenData

/// How a task's answers are generated: its `generation_kwargs`, of which only greedy ones are known.
struct AnswerSettings: Sendable {
  /// Texts that an answer ends before; nil: the file says nothing of them.
  let stops: [String]?
  /// The most tokens of an answer; lm-evaluation-harness's default where the file says nothing.
  let maximumTokens: Int

  /// The names of `maximumTokens`; of several that are there the first counts.
  private static let limits = ["max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"]
  private static let known =
    limits + ["do_sample", "num_beams", "temperature", "until"]
    // Of sampling: they change no greedy answer.
    + ["min_p", "top_k", "top_p", "typical_p"]

  /// - Throws: one line that names file and key, for whatever would give other answers
  init(_ value: JSONValue?, _ file: String) throws {
    let place = "\(file): generation_kwargs"
    guard let object = (value ?? .object([:])).object else {
      throw UpcycleError.usage("holds no keys", at: place, expected: "until: ... and the like", found: value?.kind)
    }
    let settings = object.filter { $0.value != .null }
    if let key = settings.keys.sorted().first(where: { !Self.known.contains($0) }) {
      throw UpcycleError.usage(
        "is not known", at: "\(place).\(key)", expected: Self.known.sorted().joined(separator: ", "))
    }
    if let sampled = settings["do_sample"], sampled != .bool(false) {
      throw UpcycleError.usage(
        "answers are sampled", at: "\(place).do_sample", expected: "false", found: sampled.text())
    }
    // A temperature alone asks for sampling; beside `do_sample: false` it says nothing.
    if settings["do_sample"] == nil, let temperature = settings["temperature"], (temperature.double ?? 1) > 0 {
      throw UpcycleError.usage(
        "answers are sampled", at: "\(place).temperature", expected: "0, or do_sample: false beside it",
        found: temperature.text())
    }
    if let beams = settings["num_beams"], beams.int != 1 {
      throw UpcycleError.usage(
        "answers are searched for by beams", at: "\(place).num_beams", expected: "1", found: beams.text())
    }
    let limit = Self.limits.first { settings[$0] != nil } ?? Self.limits[0]
    let tokens = settings[limit] ?? .int(256)
    guard let count = tokens.int else {
      throw UpcycleError.usage(
        "is no number of tokens", at: "\(place).\(limit)", expected: "a whole number", found: tokens.text())
    }
    maximumTokens = count
    let until = settings["until"].map { $0.array ?? [$0] }
    stops = until?.compactMap(\.string)
    if let until, let other = until.first(where: { $0.string == nil }) {
      throw UpcycleError.usage(
        "is no text", at: "\(place).until", expected: "a text or a list of them", found: other.text())
    }
  }

  /// The text up to where one of some texts begins, byte by byte: a line break ends an answer also behind a carriage
  /// return, with which it is one character.
  static func part(of text: String, before stops: [String]) -> String {
    var ending = StopTexts(stops)
    return ending.append(text) + ending.finish()
  }
}
