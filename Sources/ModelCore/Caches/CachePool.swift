import Groundwork
import TensorCore

/// Memory for sequences that a model serves together, in two pools: slots, each the recurrent states of one sequence,
/// and pages, each the cache rows of `pageTokens` tokens in all layers that have rows. (A single pool would need pages
/// as large as a state.)
///
/// All memory is taken once; a sequence holds a slot and pages for the longest it can become, and gives both back. Beginnings
/// of prompts may be kept for others that begin alike: their full pages are shared, never copied, and of the states behind
/// them there is a copy (recurrent states have no beginnings). They go, the least used first, where a sequence needs their pages.
///
///   page = [layer 0: pageTokens * width_0 | layer 1: pageTokens * width_1 | ...],   slot = [state 0 | state 1 | ...]
public final class CachePool {
  /// Tokens of a page.
  public let pageTokens: Int
  /// Pages in all.
  public let pageCount: Int
  /// Most sequences at once.
  public let slotCount: Int
  /// Most beginnings of prompts that are kept.
  public let prefixCount: Int
  private let model: LanguageModel
  private let pages: Tensor  // [pageCount, pageTokens * numbers per token]
  private let states: Tensor  // [slotCount + prefixCount, state numbers]
  // Taken from the end: what came back last is still in the processor's cache.
  private var freePages: [Int]
  private var freeSlots: [Int]
  /// How many sequences, and how many kept beginnings, have a page.
  private var holders: [(sequences: Int, prefixes: Int)]
  /// The least recently used first.
  private var prefixes: [Prefix] = []
  private var freeStates: [Int]
  /// Pages that sequences hold now.
  public private(set) var pagesInUse = 0
  /// Most pages that were in use at once.
  public private(set) var mostPages = 0

  /// A kept beginning: full pages, and the states behind its last token.
  private struct Prefix {
    var tokens: [Int32]
    var pages: [Int]
    var state: Int
  }

  /// - Parameters:
  ///   - pageTokens: tokens of a page
  ///   - pages: how many; not needed by a model without attention
  ///   - slots: most sequences at once
  ///   - prefixes: most beginnings of prompts that are kept
  /// - Throws: usage errors for numbers below 1 (of prefixes: below 0), and for more than there is memory
  public init(_ model: LanguageModel, pageTokens: Int, pages: Int, slots: Int, prefixes: Int = 0) throws {
    for (what, value, least) in [
      ("tokens per page", pageTokens, 1), ("pages", pages, 1), ("slots", slots, 1), ("prefixes", prefixes, 0),
    ] where value < least {
      throw UpcycleError.usage(
        "must \(least == 0 ? "not be negative" : "be positive")", at: what, expected: "\(least) or more",
        found: "\(value)")
    }
    let numbers = cappedSum(
      cappedProduct(pages, pageTokens, model.config.kvNumbersPerToken),
      cappedProduct(cappedSum(slots, prefixes), model.config.stateNumbers),
      // The lists of what is free and of who has what.
      cappedSum(cappedProduct(6, pages), cappedProduct(2, cappedSum(slots, prefixes))))
    try requireMemory(
      cappedProduct(numbers, MemoryLayout<Float>.stride),
      for: "\(formatCount(pages)) pages of \(formatCount(pageTokens)) tokens, \(formatCount(slots)) slots"
        + (prefixes > 0 ? " and \(counted(prefixes, "kept beginning"))" : ""),
      at: "pool")
    if model.heavyHitters != nil {
      throw UpcycleError.usage("pages keep every token", field: "cache", expected: "no eviction", found: "H2O")
    }
    self.model = model
    self.pageTokens = pageTokens
    pageCount = pages
    slotCount = slots
    prefixCount = prefixes
    self.pages = Tensor([pages, pageTokens * model.config.kvNumbersPerToken])
    states = Tensor([slots + prefixes, model.config.stateNumbers])
    freePages = Array((0..<pages).reversed())
    freeSlots = Array((0..<slots).reversed())
    freeStates = Array((slots..<slots + prefixes).reversed())
    holders = Array(repeating: (0, 0), count: pages)
  }

  /// Bytes of one page.
  public static func pageBytes(_ config: ModelConfig, pageTokens: Int) -> Int {
    pageTokens * config.kvNumbersPerToken * MemoryLayout<Float>.stride
  }

  /// Bytes of both pools.
  public var bytes: Int { (pages.count + states.count) * MemoryLayout<Float>.stride }
  /// Sequences now.
  public var slotsInUse: Int { slotCount - freeSlots.count }

  /// Pages of a sequence of so many tokens.
  public func pagesNeeded(_ tokens: Int) -> Int {
    model.config.kvNumbersPerToken == 0 ? 0 : (tokens + pageTokens - 1) / pageTokens
  }

  // MARK: Sequences

  /// A cache for a sequence of at most `tokens` tokens, which holds what a kept beginning of its prompt has already: the
  /// longest, of less than the whole prompt, whose last token's output nobody has kept. Its length says how much.
  /// - Parameters:
  ///   - prompt: ids that the sequence begins with; of an empty one nothing is known
  ///   - positions: as for `LanguageModel.makeCache`
  /// - Returns: nil when a slot or the pages are not free now
  public func makeCache(tokens: Int, prompt: [Int32] = [], positions: Int? = nil) -> SequenceCache? {
    let known = prefixes.filter { $0.tokens.count < prompt.count && prompt.starts(with: $0.tokens) }
      .max { $0.tokens.count < $1.tokens.count }
    let shared = known?.pages ?? []
    let needed = pagesNeeded(tokens) - shared.count
    let others = Set(prefixes.flatMap(\.pages)).subtracting(shared).count { holders[$0].sequences == 0 }
    if freeSlots.isEmpty || needed > freePages.count + others { return nil }
    if let known {
      prefixes.removeAll { $0.state == known.state }
      prefixes.append(known)
    }
    while needed > freePages.count { forget(prefixes.firstIndex { $0.state != known?.state }!) }
    let slot = freeSlots.removeLast()
    let taken = shared + freePages.suffix(needed).reversed()
    freePages.removeLast(needed)
    for page in taken {
      if holders[page].sequences == 0 { pagesInUse += 1 }
      holders[page].sequences += 1
    }
    mostPages = max(mostPages, pagesInUse)
    var (row, state) = (0, slot * states.width)
    let layers = model.layers.indices.map { index in
      let needs = model.layers[index].cacheNeeds
      defer {
        row += pageTokens * needs.perToken
        state += needs.state
      }
      return LayerCache(
        model.config.mixers[index], width: needs.perToken,
        pages: taken.map {
          Tensor(pages.storage, offset: pages.offset + $0 * pages.width + row, shape: [pageTokens, needs.perToken])
        },
        pageTokens: pageTokens,
        state: Tensor(states.storage, offset: states.offset + state, shape: [needs.state]),
        length: known?.tokens.count ?? 0)
    }
    if let known { copyState(from: known.state, to: slot) }
    return SequenceCache(
      layers: layers, positions: positions ?? model.config.positionLimit, lease: .init(pages: taken, slot: slot))
  }

  /// Takes a sequence's slot and pages back; its cache holds nothing any more.
  /// - Parameter cache: one that this pool made, once
  public func release(_ cache: SequenceCache) {
    guard let lease = cache.lease else { preconditionFailure("a cache of no pool") }
    for layer in cache.layers { layer.close() }
    for page in lease.pages.reversed() {
      holders[page].sequences -= 1
      if holders[page].sequences > 0 { continue }
      pagesInUse -= 1
      if holders[page].prefixes == 0 { freePages.append(page) }
    }
    freeSlots.append(lease.slot)
  }

  // MARK: Beginnings

  /// Those that are kept.
  public var keptPrompts: [[Int32]] { prefixes.map(\.tokens) }

  /// Keeps what a cache holds for other prompts that begin with its tokens, where these fill whole pages and are not kept yet.
  /// - Parameter tokens: all that the cache has read
  public func keep(_ tokens: some Collection<Int32>, of cache: SequenceCache) {
    guard let lease = cache.lease else { preconditionFailure("a cache of no pool") }
    precondition(tokens.count == cache.length, "\(tokens.count) tokens of \(cache.length)")
    if prefixCount == 0 || tokens.isEmpty || tokens.count % pageTokens > 0 { return }
    if let index = prefixes.firstIndex(where: { $0.tokens.elementsEqual(tokens) }) {
      return prefixes.append(prefixes.remove(at: index))
    }
    if freeStates.isEmpty { forget(0) }
    let prefix = Prefix(
      tokens: Array(tokens), pages: Array(lease.pages.prefix(pagesNeeded(tokens.count))), state: freeStates.removeLast()
    )
    for page in prefix.pages { holders[page].prefixes += 1 }
    copyState(from: lease.slot, to: prefix.state)
    prefixes.append(prefix)
  }

  private func forget(_ index: Int) {
    let prefix = prefixes.remove(at: index)
    for page in prefix.pages.reversed() {
      holders[page].prefixes -= 1
      if holders[page] == (0, 0) { freePages.append(page) }
    }
    freeStates.append(prefix.state)
  }

  private func copyState(from source: Int, to target: Int) {
    (states.pointer + target * states.width).update(from: states.pointer + source * states.width, count: states.width)
  }
}
