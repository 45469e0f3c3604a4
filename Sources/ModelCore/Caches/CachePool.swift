import Groundwork
import TensorCore

/// Memory for sequences that a model serves together, in two pools: slots, each the recurrent states of one sequence,
/// and pages, each the cache rows of `pageTokens` tokens in all layers that have rows. (A single pool would need pages
/// as large as a state.)
///
/// All memory is taken once; a sequence holds a slot and pages for the longest it can become, and gives both back.
///
///   page = [layer 0: pageTokens * width_0 | layer 1: pageTokens * width_1 | ...],   slot = [state 0 | state 1 | ...]
public final class CachePool {
  /// Tokens of a page.
  public let pageTokens: Int
  /// Pages in all.
  public let pageCount: Int
  /// Most sequences at once.
  public let slotCount: Int
  private let model: LanguageModel
  private let pages: Tensor  // [pageCount, pageTokens * numbers per token]
  private let states: Tensor  // [slotCount, state numbers]
  // Taken from the end: what came back last is still in the processor's cache.
  private var freePages: [Int]
  private var freeSlots: [Int]
  /// Most pages that were in use at once.
  public private(set) var mostPages = 0

  /// - Parameters:
  ///   - pageTokens: tokens of a page
  ///   - pages: how many; not needed by a model without attention
  ///   - slots: most sequences at once
  /// - Throws: usage errors for numbers below 1, and for more than there is memory
  public init(_ model: LanguageModel, pageTokens: Int, pages: Int, slots: Int) throws {
    for (what, value) in [("tokens per page", pageTokens), ("pages", pages), ("slots", slots)] where value < 1 {
      throw UpcycleError.usage("must be positive", at: what, expected: "1 or more", found: "\(value)")
    }
    let numbers = cappedSum(
      cappedProduct(pages, pageTokens, model.config.kvNumbersPerToken), cappedProduct(slots, model.config.stateNumbers),
      // The lists of what is free.
      cappedProduct(2, cappedSum(pages, slots)))
    try requireMemory(
      cappedProduct(numbers, MemoryLayout<Float>.stride),
      for: "\(formatCount(pages)) pages of \(formatCount(pageTokens)) tokens and \(formatCount(slots)) slots",
      at: "pool")
    if model.heavyHitters != nil {
      throw UpcycleError.usage("pages keep every token", field: "cache", expected: "no eviction", found: "H2O")
    }
    self.model = model
    self.pageTokens = pageTokens
    pageCount = pages
    slotCount = slots
    self.pages = Tensor([pages, pageTokens * model.config.kvNumbersPerToken])
    states = Tensor([slots, model.config.stateNumbers])
    freePages = Array((0..<pages).reversed())
    freeSlots = Array((0..<slots).reversed())
  }

  /// Bytes of one page.
  public static func pageBytes(_ config: ModelConfig, pageTokens: Int) -> Int {
    pageTokens * config.kvNumbersPerToken * MemoryLayout<Float>.stride
  }

  /// Bytes of both pools.
  public var bytes: Int { (pages.count + states.count) * MemoryLayout<Float>.stride }
  /// Pages that sequences hold now.
  public var pagesInUse: Int { pageCount - freePages.count }
  /// Sequences now.
  public var slotsInUse: Int { slotCount - freeSlots.count }

  /// Pages of a sequence of so many tokens.
  public func pagesNeeded(_ tokens: Int) -> Int {
    model.config.kvNumbersPerToken == 0 ? 0 : (tokens + pageTokens - 1) / pageTokens
  }

  /// A cache for a sequence of at most `tokens` tokens; nil when a slot or the pages are not free now.
  /// - Parameter positions: as for `LanguageModel.makeCache`
  public func makeCache(tokens: Int, positions: Int? = nil) -> SequenceCache? {
    let needed = pagesNeeded(tokens)
    if needed > freePages.count { return nil }
    guard let slot = freeSlots.popLast() else { return nil }
    let taken = Array(freePages.suffix(needed).reversed())
    freePages.removeLast(needed)
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
        state: Tensor(states.storage, offset: states.offset + state, shape: [needs.state]))
    }
    return SequenceCache(
      layers: layers, positions: positions ?? model.config.positionLimit, lease: .init(pages: taken, slot: slot))
  }

  /// Takes a sequence's slot and pages back; its cache holds nothing any more.
  /// - Parameter cache: one that this pool made, once
  public func release(_ cache: SequenceCache) {
    guard let lease = cache.lease else { preconditionFailure("a cache of no pool") }
    for layer in cache.layers { layer.close() }
    freePages += lease.pages.reversed()
    freeSlots.append(lease.slot)
  }
}
