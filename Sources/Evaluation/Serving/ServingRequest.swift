import Foundation
import Groundwork

/// A text that somebody wants continued.
public struct ServingRequest: Equatable, Sendable {
  /// What reports call it.
  public var name: String
  /// Ids, at least one.
  public var prompt: [Int32]
  /// Most new tokens.
  public var maximum: Int
  /// Seconds after the start at which it comes in.
  public var arrival: Double

  /// There from the start unless said otherwise.
  public init(name: String, prompt: [Int32], maximum: Int, arrival: Double = 0) {
    self.name = name
    self.prompt = prompt
    self.maximum = maximum
    self.arrival = arrival
  }

  /// What a request may ask for at most: tokens of a prompt or of a continuation, and seconds until it comes in.
  static let (mostTokens, mostSeconds) = (1 << 24, 86_400.0)

  /// Reads JSON Lines, one request each: `prompt` (a text) or `prompt_tokens` (ids, or how many made-up ones),
  /// `max_tokens`, and optionally `arrival` (seconds, 0) and `id` (else the number of the line). Blank lines are
  /// skipped.
  /// - Parameters:
  ///   - vocabulary: made-up ids are below it
  ///   - encode: ids of a text; nil when there is no tokenizer
  /// - Throws: failures that name file, line and reason
  public static func read(_ url: URL, vocabulary: Int, encode: ((String) -> [Int32])?) throws -> [ServingRequest] {
    var requests: [ServingRequest] = []
    try JSONLines.forEach(in: url) { line, number, place in
      func refuse(_ found: String) -> UpcycleError {
        UpcycleError(
          "is not a request", at: place,
          expected:
            "{\"prompt\": text or \"prompt_tokens\": ids or a number, \"max_tokens\": number, \"arrival\": seconds}, at most "
            + "\(formatCount(mostTokens)) tokens each and \(formatCount(Int(mostSeconds))) seconds",
          found: found)
      }
      let value = try JSONValue(parsing: line, file: place, firstLine: number)
      guard let fields = value.object else { throw refuse("no object") }
      let known = ["prompt", "prompt_tokens", "max_tokens", "arrival", "id"]
      if let stranger = fields.keys.sorted().first(where: { !known.contains($0) }) { throw refuse("\"\(stranger)\"") }
      let prompt: [Int32]
      switch (value["prompt"], value["prompt_tokens"]) {
      case (.string(let text)?, nil):
        guard let encode else {
          throw UpcycleError.usage(
            "a text needs a tokenizer", at: place, hint: "give prompt_tokens, or put tokenizer.json in the model folder"
          )
        }
        prompt = encode(text)
      case (nil, .int(let count)?) where count > mostTokens: throw refuse("prompt_tokens \(count)")
      case (nil, .int(let count)?) where count > 0:
        let others = requests.reduce(0) { $0 + $1.prompt.count }
        try requireMemory(MemoryLayout<Int32>.stride * (others + count), for: "the prompts", at: place)
        prompt = (0..<count).map { Int32(($0 * 7919 + (number - 1) * 104_729 + 1) % vocabulary) }
      case (nil, .array(let items)?):
        let ids = items.compactMap { $0.int.flatMap(Int32.init(exactly:)) }
        if ids.count < items.count { throw refuse("prompt_tokens that are not ids") }
        prompt = ids
      case (nil, nil): throw refuse("no prompt")
      case (_?, _?): throw refuse("both a prompt and prompt_tokens")
      default: throw refuse("a prompt of the wrong type")
      }
      guard let maximum = value["max_tokens"]?.int else {
        throw refuse(value["max_tokens"].map { "max_tokens \($0.text())" } ?? "no max_tokens")
      }
      if maximum > mostTokens { throw refuse("max_tokens \(maximum)") }
      let arrival = value["arrival"].map { $0.double } ?? 0
      guard let arrival, arrival >= 0 else { throw refuse("an arrival that is not 0 or more seconds") }
      if arrival > mostSeconds { throw refuse("arrival \(arrival)") }
      requests.append(
        ServingRequest(
          name: value["id"].map { $0.string ?? $0.text() } ?? "\(number)", prompt: prompt, maximum: maximum,
          arrival: arrival))
    }
    if requests.isEmpty { throw UpcycleError("holds no requests", at: url.path) }
    return requests
  }
}
