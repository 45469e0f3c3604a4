import CKernels
import TensorCore

/// A value on a tape. `id` is its node, or -1 when no gradient flows through it.
public struct Variable {
  /// What the operation computed.
  public let value: Tensor
  let id: Int

  /// Outermost first.
  public var shape: [Int] { value.shape }
  /// Length of the innermost axis.
  public var width: Int { value.width }
  /// Product of all axes but the innermost.
  public var rowCount: Int { value.rowCount }
}

/// Reverse-mode differentiation over coarse operations: a flat list of nodes with integer ids.
///
/// Operations are methods of the tape (one file each under `Operations/`): they compute at once and, when
/// the tape records and an input needs a gradient, append a node whose closure adds to the gradients of
/// its inputs. A training step has a few hundred nodes. A tape that does not record keeps nothing, so the
/// same forward code serves inference.
///
/// The backward pass takes nodes in reverse order of recording, or of their `section` where an execution in
/// windows gave them one.
public final class Tape {
  /// Whether operations are kept for a backward pass.
  public let isRecording: Bool
  private var nodes: [Node] = []

  private let profile: OperationProfile?

  /// Whether `linear` and `headLoss` compute every row as if it stood alone (`rowwiseGemm`), so that a sequence's bits
  /// do not depend on the sequences beside it: for passes whose batch is divided among ranks, and for scoring.
  public var isRowwise = false
  /// Where new nodes stand among all: the backward pass takes nodes of a higher section first. A node's inputs must
  /// have no higher section than the node.
  public var section = 0
  /// Called after every operation, forward and backward: lets messages proceed.
  public var betweenOperations: (() -> Void)?

  private struct Node {
    var gradient: Tensor?
    /// nil for an input, which keeps its gradient.
    var backward: ((inout Tensor) -> Void)?
    /// Its name in the profile.
    var operation = ""
    var section = 0
    /// Called when the backward pass comes here, whatever gradient there is (`whenPassed`).
    var mark: (() -> Void)?
  }

  /// - Parameter profile: where to add up the time of every operation (`bench --profile`).
  public init(recording: Bool, profile: OperationProfile? = nil) {
    isRecording = recording
    self.profile = profile
    profile?.restart()
  }

  /// Number of recorded operations.
  public var nodeCount: Int { nodes.count }

  // MARK: Making variables

  /// A value that needs no gradient.
  public func constant(_ value: Tensor) -> Variable { Variable(value: value, id: -1) }

  /// A leaf whose gradient can be read with `gradient(of:)` after `backward` (tests, checkpointing).
  public func input(_ value: Tensor) -> Variable { isRecording ? append(value, nil) : constant(value) }

  /// The result of an operation. `backward` receives d loss / d value, which it may
  /// write over when it is unique, and adds to its inputs' gradients.
  func record(
    _ value: Tensor, inputs: [Variable], parameters: [Parameter] = [], operation: StaticString = #function,
    backward: @escaping (inout Tensor) -> Void
  ) -> Variable {
    let needed = isRecording && (inputs.contains { $0.id >= 0 } || parameters.contains { $0.isTrainable })
    let result = needed ? append(value, backward) : constant(value)
    if let profile {
      let name = "\("\(operation)".prefix { $0 != "(" }) \(value.width)"
      profile.noteForward(name)
      if needed { nodes[result.id].operation = name }
    }
    betweenOperations?()
    return result
  }

  /// Like `record`, whatever the inputs are.
  func recordAlways(_ value: Tensor, backward: @escaping (inout Tensor) -> Void) -> Variable {
    isRecording ? append(value, backward) : constant(value)
  }

  private func append(_ value: Tensor, _ backward: ((inout Tensor) -> Void)?) -> Variable {
    nodes.append(Node(gradient: nil, backward: backward, section: section))
    return Variable(value: value, id: nodes.count - 1)
  }

  /// Calls `action` in the backward pass when all nodes after this place are done.
  public func whenPassed(_ action: @escaping () -> Void) {
    guard isRecording else { return }
    nodes.append(Node(section: section, mark: action))
  }

  // MARK: Gradients

  /// Hands `gradient` to a variable: taken over when it is the first, added otherwise.
  func accumulate(_ gradient: Tensor, into variable: Variable) {
    if variable.id < 0 { return }
    guard nodes[variable.id].gradient != nil else {
      nodes[variable.id].gradient = gradient
      return
    }
    if nodes[variable.id].gradient!.isUnique() {
      let sum = nodes[variable.id].gradient!
      parallelElements(sum.count) { range in
        up_axpy(1, gradient.pointer + range.lowerBound, sum.pointer + range.lowerBound, range.count)
      }
    } else {
      let old = nodes[variable.id].gradient!
      let sum = Tensor(variable.shape)
      parallelElements(sum.count) { range in
        up_add(
          old.pointer + range.lowerBound, gradient.pointer + range.lowerBound,
          sum.pointer + range.lowerBound, range.count)
      }
      nodes[variable.id].gradient = sum
    }
  }

  /// Lets `body` write a variable's gradient directly: `add` says whether the buffer already holds
  /// something to add to, or must be overwritten.
  func withGradient(of variable: Variable, _ body: (_ buffer: Tensor, _ add: Bool) -> Void) {
    if variable.id < 0 { return }
    if nodes[variable.id].gradient != nil {
      if !nodes[variable.id].gradient!.isUnique() {
        nodes[variable.id].gradient = nodes[variable.id].gradient!.copy()
      }
      body(nodes[variable.id].gradient!, true)
    } else {
      let fresh = Tensor(variable.shape)
      nodes[variable.id].gradient = fresh
      body(fresh, false)
    }
  }

  /// A variable's gradient buffer, zeroed when new: for operations that add into parts of it.
  func addingGradient(of variable: Variable, _ body: (Tensor) -> Void) {
    withGradient(of: variable) { buffer, add in
      if !add {
        parallelElements(buffer.count) { (buffer.pointer + $0.lowerBound).update(repeating: 0, count: $0.count) }
      }
      body(buffer)
    }
  }

  /// d loss / d value in the shape of the value, kept for leaves (`input`) alone; nil: the backward pass did not reach
  /// it.
  public func gradient(of variable: Variable) -> Tensor? {
    variable.id < 0 ? nil : nodes[variable.id].gradient
  }

  /// Runs the tape backwards from `output` with d loss / d output = `seed` (1 for a scalar loss).
  /// Intermediate values and gradients are freed as the sweep passes them; leaves keep theirs.
  public func backward(from output: Variable, seed: Tensor? = nil) {
    let seed = seed ?? Tensor(output.shape, values: [Float](repeating: 1, count: output.value.count))
    backward(from: [(output, seed)])
  }

  /// The same from several outputs at once, each with its own d loss / d output.
  public func backward(from outputs: [(output: Variable, seed: Tensor)]) {
    for (output, seed) in outputs { accumulate(seed, into: output) }
    profile?.restart()
    let last = outputs.map(\.output.id).max() ?? -1
    for id in order(through: last) {
      nodes[id].mark?()
      guard let backward = nodes[id].backward else { continue }
      nodes[id].backward = nil
      if var gradient = nodes[id].gradient {
        nodes[id].gradient = nil
        backward(&gradient)
        profile?.noteBackward(nodes[id].operation)
        betweenOperations?()
      }
    }
  }

  /// Nodes 0...last in the order of the backward pass.
  private func order(through last: Int) -> [Int] {
    let ids = Array((0..<last + 1).reversed())
    if nodes.allSatisfy({ $0.section == 0 }) { return ids }
    return ids.sorted { (nodes[$0].section, $0) > (nodes[$1].section, $1) }
  }
}

/// Splits a flat range over the threads in pieces of at least 16k elements.
func parallelElements(_ count: Int, _ body: (Range<Int>) -> Void) {
  Threads.parallelRows(count, grain: 1 << 14, body)
}
