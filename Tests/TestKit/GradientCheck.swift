import Autograd
import Groundwork
import TensorCore
import XCTest

/// Compares hand-written backwards with central differences, tensor by tensor.
///
/// For a tensor x with analytic gradient g, a random normal direction u and D(h) = (L(x + h u) - L(x - h u)) / 2h,
///   (4 D(h) - D(2h)) / 3 = <g, u> + O(h^4).
/// <g, u> is of size |g|, and an error e of the gradient shows as one of size |e|: the difference of both
/// sides is therefore compared with `tolerance * |g|`, over several directions. The loss is summed in
/// float64; values, and so the rounding of L, are float32. Since the third derivative cancels too, h can be twice what
/// D alone would want, and rounding, which enters as 1 / h, is a third less.
public struct GradientCheck {
  public var name: String
  /// h, for inputs and parameters of order 1.
  public var step: Float
  public var tolerance: Double
  /// Random directions for each tensor.
  public var directions: Int

  public init(_ name: String, step: Float = 2e-2, tolerance: Double = 5e-3, directions: Int = 5) {
    self.name = name
    self.step = step
    self.tolerance = tolerance
    self.directions = directions
  }

  /// A loss on a tape: the variable to go back from, d loss / d variable, and the loss in float64.
  public struct Loss {
    public var variable: Variable
    public var seed: Tensor
    public var value: Double

    /// The sum of a variable's elements with fixed random weights: reaches every element.
    public init(projecting variable: Variable) {
      self.variable = variable
      seed = randomTensor(variable.shape, seed: 99, "projection")
      value = zip(variable.value.toArray(), seed.toArray()).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    /// A scalar variable whose value is known more precisely than float32 holds it.
    public init(scalar variable: Variable, value: Double) {
      self.variable = variable
      seed = Tensor([1], values: [1])
      self.value = value
    }
  }

  /// Checks an operation: `forward` gets fresh copies of `inputs` (some operations write in place).
  public func run(
    _ inputs: [Tensor], parameters: [Parameter] = [], file: StaticString = #filePath, line: UInt = #line,
    forward: (Tape, [Variable]) -> Variable
  ) {
    runLoss(inputs, parameters: parameters, file: file, line: line) { Loss(projecting: forward($0, $1)) }
  }

  /// Checks a loss. Parameters of a `set` get their gradients in its buffer, as in training.
  public func runLoss(
    _ inputs: [Tensor] = [], parameters: [Parameter] = [], set: ParameterSet? = nil,
    file: StaticString = #filePath, line: UInt = #line, loss: (Tape, [Variable]) -> Loss
  ) {
    let trained = (parameters + (set?.parameters ?? [])).filter(\.isTrainable)
    for parameter in parameters { parameter.gradient = nil }
    set?.zeroGradients()

    let tape = Tape(recording: true)
    let leaves = inputs.map { tape.input($0.copy()) }
    let recorded = loss(tape, leaves)
    tape.backward(from: recorded.variable, seed: recorded.seed)

    func value() -> Double {
      let quiet = Tape(recording: false)
      return loss(quiet, inputs.map { quiet.constant($0.copy()) }).value
    }
    var checked: [(name: String, tensor: Tensor, gradient: Tensor?)] = []
    for (index, input) in inputs.enumerated() {
      checked.append(("input \(index)", input, tape.gradient(of: leaves[index])))
    }
    for parameter in trained { checked.append((parameter.name, parameter.value, parameter.gradient)) }
    let largest = checked.map { norm($0.gradient?.toArray() ?? []) }.max() ?? 0
    XCTAssertGreaterThan(largest, 0, "\(name): no gradient at all", file: file, line: line)

    for (label, tensor, gradient) in checked {
      guard let gradient else {
        XCTFail("\(name): \(label) got no gradient", file: file, line: line)
        continue
      }
      XCTAssertEqual(gradient.shape, tensor.shape, "\(name): shape of the gradient of \(label)", file: file, line: line)
      let slope = gradient.toArray()
      // Gradients far below the others are compared with a share of those: rounding of L hides them.
      let scale = max(norm(slope), 0.02 * largest)
      let error = worstDifference(tensor, slope, value)
      XCTAssertLessThanOrEqual(
        error / scale, tolerance, "\(name): gradient of \(label) differs from finite differences", file: file,
        line: line)
    }
  }

  /// Largest |numeric - analytic| directional derivative over the directions; leaves `tensor` as it was.
  private func worstDifference(_ tensor: Tensor, _ slope: [Float], _ loss: () -> Double) -> Double {
    let original = tensor.toArray()
    defer { tensor.pointer.update(from: original, count: original.count) }
    var worst = 0.0
    for direction in 0..<directions {
      let along = randomFloats(original.count, seed: UInt64(direction), "direction")
      let losses = [1, -1, 2, -2].map { (steps: Float) in
        for i in original.indices { tensor.pointer[i] = original[i] + steps * step * along[i] }
        return loss()
      }
      let numeric = (8 * (losses[0] - losses[1]) - (losses[2] - losses[3])) / (12 * Double(step))
      let analytic = zip(slope, along).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      if !numeric.isFinite || !analytic.isFinite { return .infinity }
      worst = max(worst, abs(numeric - analytic))
    }
    return worst
  }

  private func norm(_ values: [Float]) -> Double {
    values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
  }
}
