import CKernels

/// A contiguous, row-major float32 tensor: a window on a `Storage`.
///
/// Copying a tensor shares its buffer. Views (`rows`, `reshaped`) share it too. Operations that write in
/// place say so. `shape` is outermost first, for example `[batch, time, width]`.
public struct Tensor: @unchecked Sendable {
  // @unchecked: see Storage.
  /// The buffer, which other tensors may share.
  public internal(set) var storage: Storage
  /// Where in the buffer the first element is.
  public let offset: Int
  /// Lengths of the axes, outermost first.
  public let shape: [Int]
  /// Number of elements.
  public let count: Int

  /// An uninitialised tensor.
  public init(_ shape: [Int]) {
    self.shape = shape
    // What nothing can hold is refused by the storage, not by a trap here.
    count = shape.reduce(1) {
      let (product, overflow) = $0.multipliedReportingOverflow(by: $1)
      return overflow ? .max : product
    }
    storage = Storage(count: count)
    offset = 0
  }

  /// A window of `storage` starting at element `offset`.
  public init(_ storage: Storage, offset: Int, shape: [Int]) {
    self.storage = storage
    self.offset = offset
    self.shape = shape
    count = shape.reduce(1, *)
    precondition(offset >= 0 && offset + count <= storage.count, "tensor window outside its storage")
  }

  /// A tensor of these numbers, row after row; as many as the shape has elements.
  public init(_ shape: [Int], values: [Float]) {
    self.init(shape)
    precondition(values.count == count, "\(values.count) values for shape \(shape)")
    values.withUnsafeBufferPointer { pointer.update(from: $0.baseAddress!, count: count) }
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: [Int]) -> Tensor {
    let tensor = Tensor(shape)
    tensor.fill(0)
    return tensor
  }

  /// The first element. Valid while the tensor (or another holder of its storage) lives.
  public var pointer: UnsafeMutablePointer<Float> { storage.base + offset }
  /// Number of axes.
  public var rank: Int { shape.count }
  /// Length of the innermost axis.
  public var width: Int { shape.last ?? 1 }
  /// Product of all axes but the innermost.
  public var rowCount: Int { width == 0 ? 0 : count / width }

  /// A view of the same elements under another shape of as many.
  public func reshaped(_ shape: [Int]) -> Tensor {
    precondition(shape.reduce(1, *) == count, "cannot view \(self.shape) as \(shape)")
    return Tensor(storage, offset: offset, shape: shape)
  }

  /// A view of rows `range` of the outermost axis.
  public func rows(_ range: Range<Int>) -> Tensor {
    let row = count / max(shape[0], 1)
    return Tensor(storage, offset: offset + range.lowerBound * row, shape: [range.count] + shape.dropFirst())
  }

  /// The same numbers in a buffer of its own.
  public func copy() -> Tensor {
    let result = Tensor(shape)
    result.pointer.update(from: pointer, count: count)
    return result
  }

  /// Writes `value` to every element, in place.
  public func fill(_ value: Float) { pointer.update(repeating: value, count: count) }

  /// The elements, row after row.
  public func toArray() -> [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

  /// True when no other tensor shares the buffer, so that it may be written in place.
  public mutating func isUnique() -> Bool { isKnownUniquelyReferenced(&storage) }

  /// Whether an element is NaN or infinite.
  public var hasNonFinite: Bool { TensorCore.hasNonFinite(UnsafeBufferPointer(start: pointer, count: count)) }
}

/// Whether any of these is NaN or infinite.
public func hasNonFinite(_ values: UnsafeBufferPointer<Float>) -> Bool {
  values.baseAddress.map { up_count_nonfinite($0, values.count) > 0 } ?? false
}
