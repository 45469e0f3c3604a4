import CKernels
import Foundation
import ModelCore
import TensorCore

/// Log-probability of every continuation of every group: the sum over its tokens, nats.
///
/// Whatever sequences share at their beginning runs through the model once (`PrefixTree`): the context of a group's
/// continuations, and what contexts have in common. A call feeds many nodes of the tree side by side, so that the matrix
/// products are large, each to its parent's cache. The head is applied only to rows whose prediction is scored. Chunks of
/// many sequences are scored side by side, each by a thread (`scoringChunks`): waiting for each other within the many
/// small operations of a level costs more.
/// - Parameters:
///   - tokensPerBatch: tokens per call; like the groups beside a group and the number of threads, part of a result's
///     identity in the last bits only.
///   - progress: called with the number of groups done, from the first one on, by one thread at a time.
/// - Throws: usage errors for ids outside the vocabulary.
/// - Returns: result[group][continuation].
public func logLikelihoods(
  _ model: LanguageModel, _ groups: [ContinuationGroup], tokensPerBatch: Int = 1024,
  progress: (Int) -> Void = { _ in }
) throws -> [[Double]] {
  try logLikelihoods(
    model, groups, tokensPerBatch: tokensPerBatch, chunkBytes: 1 << 28, fewestPerChunk: 16, progress: progress)
}

/// - Parameters:
///   - chunkBytes: of caches of one chunk; those of all threads' chunks together take twice that at most.
///   - fewestPerChunk: of sequences, in chunks that threads score side by side.
func logLikelihoods(
  _ model: LanguageModel, _ groups: [ContinuationGroup], tokensPerBatch: Int = 1024, chunkBytes: Int,
  fewestPerChunk: Int, progress: (Int) -> Void = { _ in }
) throws -> [[Double]] {
  var sums = groups.map { [Double](repeating: 0, count: $0.continuations.count) }
  var left = groups.map(\.continuations.count)
  var failure: (chunk: Int, error: any Error)?
  let sequences = scoredSequences(model, groups)
  let isApart = model.heavyHitters != nil
  let (chunks, threads) = scoringChunks(
    bytes: sequences.map { cacheBytes(model, $0) }, most: chunkBytes, fewest: fewestPerChunk,
    together: { isApart && sequences[$0].group == sequences[$0 - 1].group })
  let lock = NSLock()
  func scoreChunk(_ number: Int) {
    if lock.withLock({ failure.map { $0.chunk < number } ?? false }) { return }
    do {
      let chunk = Array(sequences[chunks[number]])
      let found = try scores(model, chunk, tokensPerBatch, logitRows: max(16, 512 / threads))
      lock.withLock {
        for (sequence, score) in zip(chunk, found) {
          sums[sequence.group][sequence.continuation] = score
          left[sequence.group] -= 1
        }
        let done = left.count { $0 == 0 }
        if done > 0 { progress(done) }
      }
    } catch {
      lock.withLock { if failure.map({ number < $0.chunk }) ?? true { failure = (number, error) } }
    }
  }
  if threads > 1 { Threads.parallel(chunks.count, scoreChunk) } else { chunks.indices.forEach(scoreChunk) }
  if let failure { throw failure.error }
  return sums
}

/// Cuts sequences into chunks that are scored by a thread each, side by side, equal in bytes and as many for each thread;
/// where all fit one thread's room, or that room holds fewer than `fewest` (large models, many threads: little of what
/// sequences share would be read once), into chunks that all threads score together, one after another.
/// - Parameters:
///   - bytes: of each sequence's cache
///   - most: of a chunk; those of all threads' chunks together take twice that
///   - together: whether a sequence (never the first) stays with the one before it
/// - Returns: threads: as many chunks side by side, 1 where all threads score one together.
func scoringChunks(
  bytes: [Int], most: Int, fewest: Int, together: (Int) -> Bool
) -> (chunks: [Range<Int>], threads: Int) {
  func chunks(of limit: Int) -> [Range<Int>] {
    var chunks: [Range<Int>] = []
    var start = 0
    while start < bytes.count {
      var (end, used) = (start, 0)
      repeat {
        used += bytes[end]
        end += 1
      } while end < bytes.count && (used < limit || together(end))
      chunks.append(start..<end)
      start = end
    }
    return chunks
  }
  let threads = Threads.count
  let (total, room) = (bytes.reduce(0, +), max(1, min(most, 2 * most / threads)))
  if threads > 1, total > room {
    let parts = threads * ((total - 1) / (room * threads) + 1)
    let limit = max((total - 1) / parts + 1, fewest * (bytes.max() ?? 0))
    let apart = limit <= room ? chunks(of: limit) : []
    if 2 * apart.count > threads { return (apart, threads) }
  }
  return (chunks(of: most), 1)
}

/// What the model reads to score one continuation.
private struct ScoredSequence {
  var group: Int
  var continuation: Int
  /// Context and continuation.
  var ids: [Int32]
  /// Tokens of the context.
  var contextCount: Int
  /// All but the last id, which is only predicted.
  var tokens: ArraySlice<Int32> { ids.dropLast() }
  /// What tells contexts apart: a group's are cut to several lengths where they exceed the model's positions.
  var contextKey: (Int, Int) { (group, contextCount) }
}

/// Sorted, so that those with a common beginning stand together; context by context where caches are made for a context
/// of one length (H2O).
private func scoredSequences(_ model: LanguageModel, _ groups: [ContinuationGroup]) -> [ScoredSequence] {
  var sequences: [ScoredSequence] = []
  for (g, group) in groups.enumerated() {
    for (c, continuation) in group.continuations.enumerated() {
      let context = group.context(before: continuation, limit: model.config.readablePositions)
      sequences.append(
        ScoredSequence(group: g, continuation: c, ids: context + continuation, contextCount: context.count))
    }
  }
  let isApart = model.heavyHitters != nil
  return sequences.sorted {
    if isApart && $0.contextKey != $1.contextKey { return $0.contextKey < $1.contextKey }
    return $0.tokens.lexicographicallyPrecedes($1.tokens)
  }
}

private func cacheBytes(_ model: LanguageModel, _ sequence: ScoredSequence) -> Int {
  4 * (sequence.ids.count * model.config.kvNumbersPerToken + model.config.stateNumbers)
}

/// One prediction to score: `row` of a call's hidden states predicts `target`.
private struct Prediction {
  var row: Int
  var target: Int32
  var sequence: Int
}

/// The sum of log-probabilities of each sequence's continuation.
private func scores(
  _ model: LanguageModel, _ sequences: [ScoredSequence], _ tokensPerBatch: Int, logitRows: Int
) throws -> [Double] {
  var trees = [sequences.indices]
  if model.heavyHitters != nil {
    let starts = sequences.indices.filter { $0 == 0 || sequences[$0].contextKey != sequences[$0 - 1].contextKey }
    trees = zip(starts, starts.dropFirst() + [sequences.count]).map { $0..<$1 }
  }
  let tree = PrefixTree(sequences.map(\.tokens), trees: trees)
  var childrenLeft = [Int](repeating: 0, count: tree.nodes.count)
  for node in tree.nodes { if let parent = node.parent { childrenLeft[parent] += 1 } }
  var caches = [SequenceCache?](repeating: nil, count: tree.nodes.count)
  var sums = [Double](repeating: 0, count: sequences.count)
  for level in tree.levels {
    var first = level.lowerBound
    while first < level.upperBound {
      var (end, tokens) = (first, 0)
      repeat {
        tokens += tree.nodes[end].tokens.count
        end += 1
      } while end < level.upperBound && tokens + tree.nodes[end].tokens.count <= tokensPerBatch
      for number in first..<end {
        let node = tree.nodes[number]
        guard let parent = node.parent else {
          let longest = sequences[node.sequences].reduce(0) { max($0, $1.ids.count) }
          caches[number] = model.makeCache(capacity: longest)
          continue
        }
        // The last child goes on in its parent's cache.
        childrenLeft[parent] -= 1
        caches[number] = childrenLeft[parent] > 0 ? caches[parent]!.snapshot() : caches[parent]
        if childrenLeft[parent] == 0 { caches[parent] = nil }
      }
      try addScores(model, tree, first..<end, caches, sequences, logitRows, to: &sums)
      for number in first..<end where childrenLeft[number] == 0 { caches[number] = nil }
      first = end
    }
  }
  return sums
}

/// Feeds some nodes of one level to their caches and adds what their rows predict of continuations.
private func addScores(
  _ model: LanguageModel, _ tree: PrefixTree, _ numbers: Range<Int>, _ caches: [SequenceCache?],
  _ sequences: [ScoredSequence], _ logitRows: Int, to sums: inout [Double]
) throws {
  var predictions: [Prediction] = []
  var row = 0
  for node in tree.nodes[numbers] {
    for offset in 0..<node.tokens.count {
      let position = node.start + offset
      for s in node.sequences where position + 1 >= sequences[s].contextCount {
        predictions.append(Prediction(row: row + offset, target: sequences[s].ids[position + 1], sequence: s))
      }
    }
    row += node.tokens.count
  }
  let hidden = try model.extend(numbers.map { (caches[$0]!, Array(tree.nodes[$0].tokens)) }, rowwise: true)
  addLogProbabilities(model, hidden, predictions, logitRows, to: &sums)
}

/// Adds log softmax(hidden[row] W^T)[target] of each prediction to its sequence's sum.
/// - Parameters:
///   - predictions: by rising rows
///   - mostRows: whose logits are there at a time
private func addLogProbabilities(
  _ model: LanguageModel, _ hidden: Tensor, _ predictions: [Prediction], _ mostRows: Int, to sums: inout [Double]
) {
  let width = hidden.width
  var start = 0
  while start < predictions.count {
    var (end, rows) = (start, [Int]())
    while end < predictions.count, rows.count < mostRows || rows.last == predictions[end].row {
      if rows.last != predictions[end].row { rows.append(predictions[end].row) }
      end += 1
    }
    let states = Tensor([rows.count, width])
    for (index, row) in rows.enumerated() {
      (states.pointer + index * width).update(from: hidden.pointer + row * width, count: width)
    }
    let part = predictions[start..<end]
    var place = -1
    let places = part.indices.map { index in
      if index == start || predictions[index].row != predictions[index - 1].row { place += 1 }
      return place
    }
    let scores = logProbabilities(model.logits(states, rowwise: true), rows: places, part.map(\.target))
    for (score, prediction) in zip(scores, part) { sums[prediction.sequence] += Double(score) }
    start = end
  }
}

/// log softmax(logits[rows[i]])[targets[i]] of logits [.., vocab].
private func logProbabilities(_ logits: Tensor, rows: [Int], _ targets: [Int32]) -> [Float] {
  let out = Tensor([targets.count])
  Threads.parallelRows(targets.count, grain: 8) { some in
    for index in some {
      withUnsafePointer(to: targets[index]) {
        up_log_probability(logits.pointer + rows[index] * logits.width, $0, 1, logits.width, out.pointer + index, nil)
      }
    }
  }
  return out.toArray()
}
