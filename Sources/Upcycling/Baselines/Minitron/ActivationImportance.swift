import Autograd
import ModelCore
import TensorCore

/// What the parts of a model's width do on calibration text (Minitron, arXiv 2407.14679, section 2.2, with the aggregation
/// that it found best): magnitudes, mean over the tokens of a window, root of the sum of squares over windows.
///
///   heads      |softmax(...) v| of a head, before the output projection
///   channels   |f(x W_gate^T) * (x W_up^T)|, what the down projection reads
///   embedding  |norm(x)| in front of both halves of every layer, summed over these
public struct ActivationImportance: Equatable, Sendable {
  /// Of every embedding channel, [D].
  public var hidden: [Double]
  /// Bottom to top.
  public var layers: [Layer]

  /// Of one layer.
  public struct Layer: Equatable, Sendable {
    /// Of every KV group: the sum of its query heads', [G].
    public var groups: [Double]
    /// Of every feed-forward channel, [F].
    public var channels: [Double]
  }
}

/// - Parameters:
///   - model: attention and a gated feed-forward in every layer (`WidthPruning.validate`)
///   - windows: token ids, equally long, at least one
public func activationImportance(
  of model: LanguageModel, windows: [[Int32]], batch: Int = 8
) -> ActivationImportance {
  let config = model.config
  // Sums over windows of squared means over tokens.
  var embedding = Array(repeating: [Double](repeating: 0, count: config.hiddenSize), count: 2 * config.layerCount)
  var heads = Array(repeating: [Double](repeating: 0, count: config.attentionHeads), count: config.layerCount)
  var channels = Array(repeating: [Double](repeating: 0, count: config.intermediateSize), count: config.layerCount)
  for start in stride(from: 0, to: windows.count, by: batch) {
    let part = windows[start..<min(start + batch, windows.count)]
    let (ids, time) = (part.flatMap { $0 }, part.first!.count)
    let positions = sequencePositions(batch: ids.count / time, time: time)
    let tape = Tape(recording: false)
    var x = model.embedded(tape, ids, positionIds: positions, leading: [part.count, time])
    for (index, layer) in model.layers.enumerated() {
      guard let feedForward = layer.transform?.feedForward, let mixer = layer.mixer as? any MatrixMixer else {
        preconditionFailure("was checked")
      }
      let input = layer.mixerInput(tape, ResidualStreams(x))
      addMagnitudes(of: input.value, sequences: part.count, to: &embedding[2 * index])
      let values = tape.linear(
        input, [model.parameter(.value, layer: index)!],
        biases: model.parameter(.valueBias, layer: index).map { [$0] } ?? [])
      let matrices = mixer.matrices(tape, input, batch: part.count, time: time, positionIds: positions).value
      addHeadNorms(matrices, values.value, config, time: time, to: &heads[index])
      let mixed = layer.mixer.forward(tape, input, batch: part.count, time: time, positionIds: positions)
      let second = layer.transformInput(
        tape, layer.transform!, full: x, attended: layer.attended(tape, x, mixed))
      addMagnitudes(of: second.value, sequences: part.count, to: &embedding[2 * index + 1])
      addMagnitudes(of: feedForward.inner(tape, second).value, sequences: part.count, to: &channels[index])
      x = layer.forward(tape, x, batch: part.count, time: time, positionIds: positions)
    }
  }
  func roots(_ squares: [Double]) -> [Double] { squares.map { $0.squareRoot() } }
  let perGroup = config.attentionHeads / config.keyValueHeads
  return ActivationImportance(
    hidden: embedding.map(roots).reduce([Double](repeating: 0, count: config.hiddenSize)) { zip($0, $1).map(+) },
    layers: (0..<config.layerCount).map { layer in
      let own = roots(heads[layer])
      return ActivationImportance.Layer(
        groups: (0..<config.keyValueHeads).map { own[$0 * perGroup..<($0 + 1) * perGroup].reduce(0, +) },
        channels: roots(channels[layer]))
    })
}

/// Adds, column by column, the square of each sequence's mean magnitude.
private func addMagnitudes(of rows: Tensor, sequences: Int, to squares: inout [Double]) {
  let (width, time) = (rows.width, rows.rowCount / sequences)
  var sums = [Double](repeating: 0, count: width)
  for b in 0..<sequences {
    for i in 0..<width { sums[i] = 0 }
    for t in 0..<time {
      let row = rows.pointer + (b * time + t) * width
      for i in 0..<width { sums[i] += Double(abs(row[i])) }
    }
    for i in 0..<width { squares[i] += sums[i] / Double(time) * (sums[i] / Double(time)) }
  }
}

/// Adds, head by head, the square of each sequence's mean length of M v.
/// - Parameters:
///   - matrices: [B, H, T * T]
///   - values: [B, T, G K]
private func addHeadNorms(
  _ matrices: Tensor, _ values: Tensor, _ config: ModelConfig, time: Int, to squares: inout [Double]
) {
  let (heads, width) = (config.attentionHeads, config.headDim)
  let batch = matrices.count / (heads * time * time)
  let lengths = Tensor([batch, heads])
  Threads.parallel(batch * heads) { index in
    let (b, h) = index.quotientAndRemainder(dividingBy: heads)
    let mixed = Tensor([time, width])
    serialGemm(
      m: time, n: width, k: time, a: matrices.pointer + index * time * time, lda: time,
      b: values.pointer + b * time * values.width + h / (heads / config.keyValueHeads) * width, ldb: values.width,
      c: mixed.pointer, ldc: width)
    var sum = 0.0
    for t in 0..<time {
      var square = 0.0
      for i in 0..<width {
        let value = Double(mixed.pointer[t * width + i])
        square += value * value
      }
      sum += square.squareRoot()
    }
    lengths.pointer[index] = Float(sum / Double(time))
  }
  for index in 0..<batch * heads {
    let length = Double(lengths.pointer[index])
    squares[index % heads] += length * length
  }
}
