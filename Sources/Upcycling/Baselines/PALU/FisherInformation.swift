import Autograd
import Foundation
import ModelCore
import TensorCore

/// Fisher information of a layer's key and value projections, by group of heads: the mean over a group's weights of
/// the root mean square of the loss's slope (PALU, section 3.3: what is sensitive gets a higher rank).
///
///   F_j = mean over the weights w of group j of sqrt(E (dL/dw)^2),  L the mean next-token loss of a window
public struct FisherInformation: Equatable, Sendable {
  /// Of every group of heads.
  public var key: [Double]
  /// Of every group of heads.
  public var value: [Double]

  /// - Parameters:
  ///   - key: of every group of heads
  ///   - value: of every group of heads
  public init(key: [Double], value: [Double]) {
    self.key = key
    self.value = value
  }
}

/// Fisher information of these layers over calibration text; one backward pass a window, the weights stay.
/// - Parameters:
///   - groups: groups of heads in a layer
///   - windows: token ids, at least two each
public func fisherInformation(
  of model: LanguageModel, layers: [Int], groups: Int, windows: [[Int32]]
) -> [Int: FisherInformation] {
  let projections = layers.flatMap { layer in [MixerRole.key, .value].map { model.parameter($0, layer: layer)! } }
  let trained = model.parameters.parameters.map(\.isTrainable)
  for parameter in model.parameters.parameters {
    parameter.isTrainable = projections.contains { $0 === parameter }
  }
  defer {
    for (parameter, was) in zip(model.parameters.parameters, trained) { parameter.isTrainable = was }
    model.parameters.dropGradients()
  }
  var squares = projections.map { [Double](repeating: 0, count: $0.value.count) }
  for ids in windows {
    model.parameters.zeroGradients()
    let tape = Tape(recording: true)
    let hidden = model.hidden(tape, ids: ids, batch: 1, time: ids.count)
    let loss = tape.headLoss(
      hidden, head: model.head, targets: ids.dropFirst() + [-1], scale: 1 / Float(max(1, ids.count - 1)),
      cap: model.logitCap
    ).loss
    tape.backward(from: loss)
    for (index, projection) in projections.enumerated() {
      let slope = projection.gradientBuffer().pointer
      for i in 0..<squares[index].count { squares[index][i] += Double(slope[i]) * Double(slope[i]) }
    }
  }
  func means(_ squares: [Double]) -> [Double] {
    let size = squares.count / groups
    return (0..<groups).map { group in
      squares[group * size..<(group + 1) * size].reduce(0) { $0 + ($1 / Double(windows.count)).squareRoot() }
        / Double(size)
    }
  }
  return Dictionary(
    uniqueKeysWithValues: layers.enumerated().map { index, layer in
      (layer, FisherInformation(key: means(squares[2 * index]), value: means(squares[2 * index + 1])))
    })
}

/// Divides `total` ranks among factorisations in proportion to their Fisher information: the whole part of each share,
/// at least 1 and at most `full`, then one by one to those with the largest remainders, again and again.
/// - Precondition: `total` lies between one and `full` each
func fisherRanks(_ information: [Double], full: Int, total: Int) -> [Int] {
  precondition((information.count...information.count * full).contains(total))
  let sum = information.reduce(0, +)
  // Without any slope all are alike.
  let shares = information.map {
    sum > 0 ? Double(total) * $0 / sum : Double(total) / Double(information.count)
  }
  var ranks = shares.map { min(full, max(1, Int($0.rounded(.down)))) }
  let order = shares.indices.sorted {
    let (a, b) = (shares[$0] - shares[$0].rounded(.down), shares[$1] - shares[$1].rounded(.down))
    return a == b ? $0 < $1 : a > b
  }
  var left = total - ranks.reduce(0, +)
  while left > 0 {
    for index in order where left > 0 && ranks[index] < full {
      ranks[index] += 1
      left -= 1
    }
  }
  // Where every share below 1 was raised, the largest pay.
  while left < 0, let largest = ranks.indices.max(by: { ranks[$0] < ranks[$1] }) {
    ranks[largest] -= 1
    left += 1
  }
  return ranks
}
