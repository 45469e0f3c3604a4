import CKernels
import ModelCore
import TensorCore

/// Log-probability of every continuation of every group: the sum over its tokens, nats.
///
/// Each context runs through the model once. Many contexts form one `extend` call, so that the matrix
/// products are large; a second call feeds all continuations, each to a copy of its context's cache.
/// The head is applied only to rows whose prediction is scored.
/// - Parameter tokensPerBatch: tokens per call; part of a result's identity in the last bits only.
/// - Throws: usage errors for ids outside the vocabulary.
/// - Returns: result[group][continuation].
public func logLikelihoods(
  _ model: LanguageModel, _ groups: [ContinuationGroup], tokensPerBatch: Int = 2048,
  progress: (Int) -> Void = { _ in }
) throws -> [[Double]] {
  var results: [[Double]] = []
  var start = 0
  while start < groups.count {
    var end = start
    var tokens = 0
    repeat {
      tokens += groups[end].tokenCount
      end += 1
    } while end < groups.count && tokens + groups[end].tokenCount <= tokensPerBatch
    results += try scoreBatch(model, groups[start..<end].map { $0.fitting(model.config.maxPosition) })
    start = end
    progress(start)
  }
  return results
}

extension ContinuationGroup {
  fileprivate var tokenCount: Int { continuations.reduce(context.count) { $0 + $1.count - 1 } }
}

/// One prediction to score: `row` of the hidden states predicts `target`.
private struct Prediction {
  var row: Int
  var target: Int32
  var group: Int
  var continuation: Int
}

private func scoreBatch(_ model: LanguageModel, _ groups: [ContinuationGroup]) throws -> [[Double]] {
  var sums = groups.map { [Double](repeating: 0, count: $0.continuations.count) }

  // Contexts; a lone continuation follows its context at once.
  var prefixes: [(cache: SequenceCache, tokens: [Int32])] = []
  var predictions: [Prediction] = []
  var row = 0
  for (g, group) in groups.enumerated() {
    let lone = group.continuations.count == 1 ? group.continuations[0].dropLast() : []
    let longest = group.continuations.map(\.count).max() ?? 0
    prefixes.append((model.makeCache(capacity: group.context.count + longest), group.context + lone))
    let last = row + group.context.count - 1
    for (c, continuation) in group.continuations.enumerated() {
      let scored = group.continuations.count == 1 ? continuation[...] : continuation.prefix(1)
      for (offset, target) in scored.enumerated() {
        predictions.append(Prediction(row: last + offset, target: target, group: g, continuation: c))
      }
    }
    row += group.context.count + lone.count
  }
  addLogProbabilities(model, try model.extend(prefixes), predictions, to: &sums)

  // The other tokens of continuations that share a context.
  var branches: [(cache: SequenceCache, tokens: [Int32])] = []
  predictions = []
  row = 0
  for (g, group) in groups.enumerated() where group.continuations.count > 1 {
    for (c, continuation) in group.continuations.enumerated() where continuation.count > 1 {
      branches.append((prefixes[g].cache.snapshot(), Array(continuation.dropLast())))
      for (offset, target) in continuation.dropFirst().enumerated() {
        predictions.append(Prediction(row: row + offset, target: target, group: g, continuation: c))
      }
      row += continuation.count - 1
    }
  }
  if !branches.isEmpty { addLogProbabilities(model, try model.extend(branches), predictions, to: &sums) }
  return sums
}

/// Adds log softmax(hidden[row] W^T)[target] of each prediction to its continuation's sum.
private func addLogProbabilities(
  _ model: LanguageModel, _ hidden: Tensor, _ predictions: [Prediction], to sums: inout [[Double]]
) {
  let width = hidden.width
  let chunk = 512
  var start = 0
  while start < predictions.count {
    let part = predictions[start..<min(start + chunk, predictions.count)]
    let rows = Tensor([part.count, width])
    for (index, prediction) in part.enumerated() {
      (rows.pointer + index * width).update(from: hidden.pointer + prediction.row * width, count: width)
    }
    let scores = logProbabilities(model.logits(rows), part.map(\.target))
    for (score, prediction) in zip(scores, part) {
      sums[prediction.group][prediction.continuation] += Double(score)
    }
    start += chunk
  }
}

/// log softmax(logits[row])[targets[row]] of logits [rows, vocab].
func logProbabilities(_ logits: Tensor, _ targets: [Int32]) -> [Float] {
  let out = Tensor([targets.count])
  targets.withUnsafeBufferPointer { targets in
    Threads.parallelRows(targets.count, grain: 8) { rows in
      up_log_probability(
        logits.pointer + rows.lowerBound * logits.width, targets.baseAddress! + rows.lowerBound, rows.count,
        logits.width, out.pointer + rows.lowerBound, nil)
    }
  }
  return out.toArray()
}
