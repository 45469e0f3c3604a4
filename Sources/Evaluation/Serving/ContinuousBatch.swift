import Groundwork
import ModelCore

/// Continues many texts side by side, greedily. A request joins as soon as a slot and pages are free and leaves after
/// its last token, between any two steps (continuous batching). A step makes one token for every text whose prompt is
/// read, and reads some more of the prompts that are not, in the order in which they came.
///
/// A request gets pages for its longest possible text when it joins, so that none ever has to be put out again; those
/// that find too few free wait, first come, first served. What the pool keeps of its prompt's beginning is not read again:
/// where it keeps beginnings, prompts are read in whole pages as far as these go, and first to where they
/// part from other prompts.
public final class ContinuousBatch {
  /// One new token.
  public struct Token: Equatable, Sendable {
    /// As `submit` numbered it.
    public var request: Int
    /// Of the vocabulary.
    public var id: Int32
    /// How many came before it.
    public var index: Int
    /// Why the text ends with this token; nil: it goes on.
    public var finish: Finish?
  }

  /// Why a text ends.
  public enum Finish: String, Codable, Sendable {
    /// The model chose an end token, which is not part of the text.
    case end
    /// It has as many tokens as asked for.
    case length
  }

  /// Where the caches of running requests lie.
  public let pool: CachePool
  let model: LanguageModel
  private let promptTokens: Int
  private let ends: Set<Int32>
  private let positions: Int?
  private var submitted = 0
  private var waiting: [(number: Int, request: ServingRequest)] = []
  private var running: [Running] = []
  /// Most texts that were in a step together.
  public private(set) var mostRunning = 0
  /// Steps so far.
  public private(set) var steps = 0
  /// Prompt tokens that were there when their request joined.
  public private(set) var reusedTokens = 0

  private struct Running {
    var number: Int
    var request: ServingRequest
    var cache: SequenceCache
    /// Prompt tokens that the cache holds.
    var read = 0
    /// Where full pages end that other prompts begin with too; ascending.
    var partings: [Int] = []
    var made = 0
    var last: Int32 = 0
  }

  /// - Parameters:
  ///   - promptTokens: most prompt tokens of one step, over all texts: more read faster and hold the others up longer
  ///   - ends: ids that end a text
  ///   - positions: as for `LanguageModel.makeCache`
  /// - Throws: a usage error for promptTokens below 1
  public init(
    _ model: LanguageModel, _ pool: CachePool, promptTokens: Int = 256, ends: Set<Int32> = [], positions: Int? = nil
  ) throws {
    if promptTokens < 1 {
      throw UpcycleError.usage(
        "must be positive", at: "prompt tokens per step", expected: "1 or more", found: "\(promptTokens)")
    }
    self.model = model
    self.pool = pool
    self.promptTokens = promptTokens
    self.ends = ends
    self.positions = positions ?? model.config.positionLimit
  }

  /// Nothing runs and nothing waits.
  public var isIdle: Bool { running.isEmpty && waiting.isEmpty }
  /// Numbers of the requests that have joined and are not done.
  public var active: [Int] { running.map(\.number) }

  /// Takes a request in and gives it a number, from 0 on.
  /// - Throws: a usage error for one that can never be served: no prompt or no new tokens, ids outside the vocabulary,
  ///   more tokens than the model has positions or the pool has pages
  @discardableResult
  public func submit(_ request: ServingRequest) throws -> Int {
    let place = "request \(request.name)"
    if request.prompt.isEmpty { throw UpcycleError.usage("an empty prompt", at: place) }
    if request.maximum < 1 {
      throw UpcycleError.usage(
        "nothing to generate", at: place, expected: "max_tokens of 1 or more", found: "\(request.maximum)")
    }
    if let bad = request.prompt.first(where: { $0 < 0 || Int($0) >= model.config.vocabularySize }) {
      throw UpcycleError.usage(
        "a token outside the vocabulary", at: place, expected: "0..<\(model.config.vocabularySize)", found: "\(bad)")
    }
    let tokens = Self.tokens(of: request)
    if let positions, tokens > positions {
      throw UpcycleError.usage(
        "is longer than the model's positions", at: place, expected: "at most \(positions) tokens", found: "\(tokens)")
    }
    if pool.pagesNeeded(tokens) > pool.pageCount {
      throw UpcycleError.usage(
        "can never fit", at: place, expected: "at most \(pool.pageCount) pages of \(pool.pageTokens) tokens",
        found: "\(pool.pagesNeeded(tokens)) pages for \(tokens) tokens", hint: "a larger pool")
    }
    waiting.append((submitted, request))
    submitted += 1
    return submitted - 1
  }

  /// Tokens that a request's cache holds at most: the last new one is not fed back.
  public static func tokens(of request: ServingRequest) -> Int { request.prompt.count + request.maximum - 1 }

  /// One call of the model for everything that runs.
  /// - Returns: at most one token a request
  public func step() throws -> [Token] {
    join()
    if running.isEmpty { return [] }
    var sequences: [(cache: SequenceCache, tokens: [Int32])] = []
    var writers: [(index: Int, row: Int)] = []
    var readers: [Int] = []
    var (rows, left) = (0, promptTokens)
    for index in running.indices {
      let text = running[index]
      var tokens = [text.last]
      if text.made == 0 {
        let end = chunkEnd(of: text, left)
        if end == text.read { continue }
        tokens = Array(text.request.prompt[text.read..<end])
        left -= tokens.count
        running[index].read = end
        readers.append(index)
      }
      sequences.append((text.cache, tokens))
      rows += tokens.count
      if running[index].read == text.request.prompt.count { writers.append((index, rows - 1)) }
    }
    let hidden = try model.extend(sequences)
    steps += 1
    for index in readers { pool.keep(running[index].request.prompt[..<running[index].read], of: running[index].cache) }
    if writers.isEmpty { return [] }
    return finish(zip(writers.map(\.index), try finiteGreedyTokens(model, hidden, rows: writers.map(\.row))))
  }

  /// Where a prompt is read to in a step that has room for so many tokens: of a pool that keeps beginnings the end of a page, as
  /// long as there is one before the last token, which is read in any case.
  private func chunkEnd(of text: Running, _ room: Int) -> Int {
    let prompt = text.request.prompt.count
    let end = min(text.read + room, prompt)
    if pool.prefixCount == 0 { return end }
    let page = min(end, prompt - 1) / pool.pageTokens * pool.pageTokens
    return text.partings.first { $0 > text.read && $0 <= page } ?? (page > text.read ? page : end)
  }

  /// Where a prompt parts from the others, in whole pages.
  private func partings(of prompt: [Int32]) -> [Int] {
    if pool.prefixCount == 0 { return [] }
    let others = waiting.map(\.request.prompt) + running.map(\.request.prompt) + pool.keptPrompts
    let ends = others.map { other in zip(prompt, other).prefix { $0 == $1 }.count / pool.pageTokens * pool.pageTokens }
    return Set(ends).sorted()
  }

  private func join() {
    while let (number, request) = waiting.first,
      let cache = pool.makeCache(tokens: Self.tokens(of: request), prompt: request.prompt, positions: positions)
    {
      waiting.removeFirst()
      reusedTokens += cache.length
      running.append(
        Running(
          number: number, request: request, cache: cache, read: cache.length, partings: partings(of: request.prompt)))
    }
    mostRunning = max(mostRunning, running.count)
  }

  /// Notes the new tokens, and lets those go that are done.
  private func finish(_ chosen: some Sequence<(Int, Int32)>) -> [Token] {
    var tokens: [Token] = []
    var done: Set<Int> = []
    for (index, id) in chosen {
      let text = running[index]
      let finish: Finish? = ends.contains(id) ? .end : text.made + 1 == text.request.maximum ? .length : nil
      tokens.append(Token(request: text.number, id: id, index: text.made, finish: finish))
      running[index].made += 1
      running[index].last = id
      if finish != nil { done.insert(index) }
    }
    for index in done { pool.release(running[index].cache) }
    running = running.indices.filter { !done.contains($0) }.map { running[$0] }
    return tokens
  }
}
