import Synchronization
import TensorCore

/// A trainable tensor under its checkpoint name; or, for inference, a matrix of weights that stays as its file stores it.
///
/// Values of a model's parameters lie one after another in one buffer (see `ParameterSet`), so products
/// with neighbouring matrices (q, k, v; gate, up) run as one. `gradient` accumulates over micro-batches.
public final class Parameter {
  /// As in the checkpoint.
  public let name: String
  /// Outermost first, as in the checkpoint: matrices [out, in].
  public let shape: [Int]
  /// The numbers where they lie in memory as a file stores them, [product of outer axes, innermost axis]; nil: in
  /// `value`. Such a parameter cannot be trained.
  public let stored: WeightMatrix?
  private var tensor: Tensor?
  private let converted = Mutex<Tensor?>(nil)
  /// The numbers in float32. Of a stored matrix they are made at the first call and kept, beside the stored ones: for
  /// operations that have no kernel for 16 bits.
  public internal(set) var value: Tensor {
    get {
      if let tensor { return tensor }
      return converted.withLock { kept in
        let values = kept ?? stored!.widened().reshaped(shape)
        kept = values
        return values
      }
    }
    set {
      precondition(stored == nil)
      tensor = newValue
    }
  }
  /// nil until the first backward pass that reaches it.
  public var gradient: Tensor?
  /// A frozen parameter gets no gradient and costs no backward product.
  public var isTrainable = true
  /// Whether weight decay applies: matrices yes, norms and biases no.
  public let decays: Bool

  /// A trainable parameter.
  public init(_ name: String, _ value: Tensor) {
    self.name = name
    shape = value.shape
    stored = nil
    tensor = value
    self.decays = value.rank > 1
  }

  /// A frozen parameter of `shape` whose numbers stay where they are.
  public init(_ name: String, stored: WeightMatrix, shape: [Int]) {
    precondition(shape.last == stored.inputs && shape.reduce(1, *) == stored.outputs * stored.inputs)
    self.name = name
    self.shape = shape
    self.stored = stored
    isTrainable = false
    decays = false
  }

  /// Numbers.
  public var count: Int { shape.reduce(1, *) }

  /// The numbers as products of inference read them, [product of outer axes, innermost axis].
  public var matrix: WeightMatrix { stored ?? WeightMatrix(value) }

  /// y [rows, out] = x [rows, in] W^T, without a record: logits of hidden states.
  /// - Parameter rowwise: `WeightMatrix.rowwiseProduct` instead of `product`
  public func product(_ x: Tensor, rowwise: Bool = false) -> Tensor {
    let y = Tensor([x.rowCount, shape[0]])
    let product = rowwise ? WeightMatrix.rowwiseProduct : WeightMatrix.product
    product([matrix], x.rowCount, x.pointer, x.width, y.pointer, y.width)
    return y
  }

  /// The gradient buffer, zeroed when it is new.
  public func gradientBuffer() -> Tensor {
    precondition(stored == nil, "\(name) is stored for inference and cannot be trained")
    if let gradient { return gradient }
    let fresh = Tensor.zeros(value.shape)
    gradient = fresh
    return fresh
  }
}

/// The parameters of a model in one contiguous buffer, in the order of registration, with gradients laid
/// out the same way: one sweep clips or updates them all. Stored matrices stay out of it.
public final class ParameterSet {
  /// In the order of registration, which is that of `values`.
  public let parameters: [Parameter]
  /// The values of all but stored matrices; parameter i occupies `range(of: i)`.
  public let values: Tensor
  /// All gradients, as many as `values`, laid out as `values`; nil before `zeroGradients`.
  public private(set) var gradients: Tensor?
  private let starts: [Int]

  /// Parameters whose values already fill one buffer, in order, stay where they are; others are moved.
  public init(_ parameters: [Parameter]) {
    self.parameters = parameters
    var starts: [Int] = []
    var total = 0
    for parameter in parameters {
      starts.append(total)
      total += parameter.stored == nil ? parameter.count : 0
    }
    self.starts = starts
    let placed = zip(parameters, starts).filter { $0.0.stored == nil }
    let first = placed.first?.0.value
    let inPlace = placed.allSatisfy { parameter, start in
      parameter.value.storage === first?.storage && parameter.value.offset == start
    }
    if let first, inPlace {
      values = Tensor(first.storage, offset: 0, shape: [total])
      return
    }
    values = Tensor([total])
    for (parameter, start) in placed {
      let view = Tensor(values.storage, offset: start, shape: parameter.shape)
      view.pointer.update(from: parameter.value.pointer, count: view.count)
      parameter.value = view
    }
  }

  /// Numbers of all parameters together, stored matrices among them.
  public var count: Int { parameters.reduce(0) { $0 + $1.count } }

  /// Bytes of stored matrices, in the files that hold them: beside those of `values`.
  public var storedBytes: Int { parameters.reduce(0) { $0 + ($1.stored?.bytes ?? 0) } }

  /// Where the numbers of parameter `index` lie in `values` and `gradients`; empty of a stored matrix.
  public func range(of index: Int) -> Range<Int> {
    let parameter = parameters[index]
    return starts[index]..<starts[index] + (parameter.stored == nil ? parameter.count : 0)
  }

  /// Zeroes all gradients, allocating them on first use. A parameter frozen or thawed since loses or gets
  /// its window on them.
  public func zeroGradients() {
    let all = gradients ?? Tensor([values.count])
    all.fill(0)
    gradients = all
    for (parameter, start) in zip(parameters, starts) {
      parameter.gradient =
        parameter.isTrainable ? Tensor(all.storage, offset: start, shape: parameter.shape) : nil
    }
  }

  /// Frees the gradients (a teacher, or the end of training).
  public func dropGradients() {
    gradients = nil
    for parameter in parameters { parameter.gradient = nil }
  }

  /// The parameter of that name; nil: there is none.
  public subscript(name: String) -> Parameter? { parameters.first { $0.name == name } }
}
