import Foundation
import Groundwork
import ModelCore
import TensorCore
import TokenData

/// Greedy continuations of several prompts, decoded side by side, each until one of its stop texts, an end token or
/// `maximumTokens` or the model's last position. A continuation holds everything generated, the stop text included. Prompts
/// that leave no room for their answer are cut at their beginning (see `requireRoomForQuestions`).
public func greedyTexts(
  _ model: LanguageModel, _ tokenizer: Tokenizer, _ prompts: [(text: String, stops: [String])], maximumTokens: Int
) throws -> [String] {
  struct Writer {
    var cache: SequenceCache
    var pending: [Int32]
    var stream: TextStream
    var stops: StopTexts
    var text = ""
    var isDone = false
  }
  let room = max(1, model.config.readablePositions - maximumTokens)
  let ends = model.config.endTokens(with: tokenizer)
  var writers = prompts.map { prompt in
    let ids = tokenizer.prompt(prompt.text).suffix(room)
    let capacity = min(model.config.positionLimit ?? .max, cappedSum(ids.count, maximumTokens))
    return Writer(
      cache: model.makeCache(capacity: capacity), pending: Array(ids), stream: TextStream(tokenizer, continuing: true),
      stops: StopTexts(prompt.stops), isDone: ids.isEmpty)
  }
  for _ in 0..<maximumTokens {
    let active = writers.indices.filter { !writers[$0].isDone }
    if active.isEmpty { break }
    let hidden = try model.extend(active.map { (writers[$0].cache, writers[$0].pending) })
    var rows: [Int] = []
    for writer in active { rows.append((rows.last ?? -1) + writers[writer].pending.count) }
    for (writer, next) in zip(active, try finiteGreedyTokens(model, hidden, rows: rows)) {
      if ends.contains(next) {
        writers[writer].isDone = true
        continue
      }
      writers[writer].pending = [next]
      let cache = writers[writer].cache
      if let positions = cache.positions, cache.length >= positions { writers[writer].isDone = true }
      let piece = writers[writer].stream.append(next)
      writers[writer].text += piece
      _ = writers[writer].stops.append(piece)
      if writers[writer].stops.isDone { writers[writer].isDone = true }
    }
  }
  return writers.map { writer in
    var writer = writer
    return writer.text + writer.stream.finish()
  }
}

/// The most probable next token after each of these rows of `hidden`.
func greedyTokens(_ model: LanguageModel, _ hidden: Tensor, rows: [Int]) -> [Int32] {
  bestTokens(model, hidden, rows).map(\.id)
}

/// The same of a model whose texts are read: those of one whose numbers overflow mean nothing.
func finiteGreedyTokens(_ model: LanguageModel, _ hidden: Tensor, rows: [Int]) throws -> [Int32] {
  let best = bestTokens(model, hidden, rows)
  if !best.allSatisfy(\.logit.isFinite) { throw nonFiniteLogits(at: "a continuation") }
  return best.map(\.id)
}

func nonFiniteLogits(at place: String) -> UpcycleError {
  UpcycleError(
    "the model's logits are not finite", at: place,
    hint: "its activations overflow: the checkpoint is damaged, or its training failed")
}

private func bestTokens(_ model: LanguageModel, _ hidden: Tensor, _ rows: [Int]) -> [(id: Int32, logit: Float)] {
  let chosen = Tensor([rows.count, hidden.width])
  for (index, row) in rows.enumerated() {
    (chosen.pointer + index * hidden.width).update(from: hidden.pointer + row * hidden.width, count: hidden.width)
  }
  let logits = model.logits(chosen)
  return rows.indices.map { row in
    let start = logits.pointer + row * logits.width
    let id = largest(UnsafeBufferPointer(start: start, count: logits.width))
    return (id: id, logit: start[Int(id)])
  }
}

/// Index of the largest logit, the first of equals.
func largest(_ logits: UnsafeBufferPointer<Float>) -> Int32 {
  var best = 0
  for index in logits.indices where logits[index] > logits[best] { best = index }
  return Int32(best)
}
