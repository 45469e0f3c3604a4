import Foundation
import Groundwork
import ModelCore
import TensorCore

/// Serves requests as they arrive, on the wall clock, and says what each waited for. One that can never be served is
/// refused, in the report, and holds nobody up.
/// - Parameters:
///   - batch: idle
///   - progress: told how many requests are done, and asked to throw when it is time to stop
/// - Throws: what `progress` throws
public func serve(
  _ requests: [ServingRequest], on batch: ContinuousBatch, progress: (Int) throws -> Void = { _ in }
) throws -> ServingReport {
  let order = requests.indices.sorted { (requests[$0].arrival, $0) < (requests[$1].arrival, $1) }
  var outcomes = requests.map {
    ServingReport.Outcome(
      request: $0.name, promptTokens: $0.prompt.count, tokens: [], arrival: $0.arrival, timeToFirstToken: nil,
      timePerOutputToken: nil, finish: "refused", refusal: nil)
  }
  var firstTokens = [Double](repeating: 0, count: requests.count)
  var indexOf: [Int: Int] = [:]  // what the batch's numbers stand for
  var (next, done) = (0, 0)
  StoragePool.resetPeak()
  let start = monotonicSeconds()
  var now = 0.0
  while next < order.count || !batch.isIdle {
    try progress(done)
    now = monotonicSeconds() - start
    while next < order.count, requests[order[next]].arrival <= now {
      do { indexOf[try batch.submit(requests[order[next]])] = order[next] } catch let error as UpcycleError {
        outcomes[order[next]].refusal = error.description
        done += 1
      }
      next += 1
    }
    if batch.isIdle {
      if next < order.count { Thread.sleep(forTimeInterval: min(0.2, max(0, requests[order[next]].arrival - now))) }
      continue
    }
    let tokens = try batch.step()
    now = monotonicSeconds() - start
    for token in tokens {
      guard let index = indexOf[token.request] else { preconditionFailure("a token of no request") }
      if token.index == 0 {
        firstTokens[index] = now
        outcomes[index].timeToFirstToken = now - requests[index].arrival
      }
      if token.finish != .end { outcomes[index].tokens.append(token.id) }
      guard let finish = token.finish else { continue }
      outcomes[index].finish = finish.rawValue
      if token.index > 0 { outcomes[index].timePerOutputToken = (now - firstTokens[index]) / Double(token.index) }
      done += 1
    }
  }
  try progress(done)
  let made = outcomes.reduce(0) { $0 + $1.tokens.count }
  return ServingReport(
    requests: outcomes, seconds: now, newTokens: made, tokensPerSecond: now > 0 ? Double(made) / now : 0,
    timeToFirstToken: .init(outcomes.compactMap(\.timeToFirstToken)),
    timePerOutputToken: .init(outcomes.compactMap(\.timePerOutputToken)), steps: batch.steps,
    mostRunning: batch.mostRunning, reusedTokens: batch.reusedTokens, poolBytes: batch.pool.bytes,
    pageTokens: batch.pool.pageTokens,
    pages: batch.pool.pageCount, mostPages: batch.pool.mostPages, slots: batch.pool.slotCount,
    prefixes: batch.pool.prefixCount,
    peakBytes: StoragePool.peakBytes + batch.model.parameters.storedBytes)
}
