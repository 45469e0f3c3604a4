import TensorCore

/// A trainable tensor under its checkpoint name.
///
/// Values of a model's parameters lie one after another in one buffer (see `ParameterSet`), so products
/// with neighbouring matrices (q, k, v; gate, up) run as one. `gradient` accumulates over micro-batches.
public final class Parameter {
  /// As in the checkpoint.
  public let name: String
  /// Its numbers, in the shape of the checkpoint: matrices [out, in].
  public internal(set) var value: Tensor
  /// nil until the first backward pass that reaches it.
  public var gradient: Tensor?
  /// A frozen parameter gets no gradient and costs no backward product.
  public var isTrainable = true
  /// Whether weight decay applies: matrices yes, norms and biases no.
  public let decays: Bool

  /// - Parameter decays: nil: as matrices do and vectors do not
  public init(_ name: String, _ value: Tensor, decays: Bool? = nil) {
    self.name = name
    self.value = value
    self.decays = decays ?? (value.rank > 1)
  }

  /// Outermost first.
  public var shape: [Int] { value.shape }

  /// The gradient buffer, zeroed when it is new.
  public func gradientBuffer() -> Tensor {
    if let gradient { return gradient }
    let fresh = Tensor.zeros(value.shape)
    gradient = fresh
    return fresh
  }
}

/// The parameters of a model in one contiguous buffer, in the order of registration, with gradients laid
/// out the same way: one sweep clips or updates them all.
public final class ParameterSet {
  /// In the order of registration, which is that of `values`.
  public let parameters: [Parameter]
  /// All values, [count]; parameter i occupies `range(of: i)`.
  public let values: Tensor
  /// All gradients, [count], laid out as `values`; nil before `zeroGradients`.
  public private(set) var gradients: Tensor?
  private let starts: [Int]

  /// Parameters whose values already fill one buffer, in order, stay where they are; others are moved.
  public init(_ parameters: [Parameter]) {
    self.parameters = parameters
    var starts: [Int] = []
    var total = 0
    for parameter in parameters {
      starts.append(total)
      total += parameter.value.count
    }
    self.starts = starts
    let first = parameters.first?.value
    let inPlace = zip(parameters, starts).allSatisfy { parameter, start in
      parameter.value.storage === first?.storage && parameter.value.offset == start
    }
    if let first, inPlace {
      values = Tensor(first.storage, offset: 0, shape: [total])
      return
    }
    values = Tensor([total])
    for (parameter, start) in zip(parameters, starts) {
      let view = Tensor(values.storage, offset: start, shape: parameter.shape)
      view.pointer.update(from: parameter.value.pointer, count: view.count)
      parameter.value = view
    }
  }

  /// Numbers of all parameters together.
  public var count: Int { values.count }

  /// Where the numbers of parameter `index` lie in `values` and `gradients`.
  public func range(of index: Int) -> Range<Int> {
    starts[index]..<starts[index] + parameters[index].value.count
  }

  /// Zeroes all gradients, allocating them on first use. A parameter frozen or thawed since loses or gets
  /// its window on them.
  public func zeroGradients() {
    let all = gradients ?? Tensor([count])
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
