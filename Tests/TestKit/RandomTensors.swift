import Groundwork
import TensorCore

/// Normal numbers of a seed, for test inputs.
public func randomFloats(_ count: Int, seed: UInt64 = 1, _ name: String = "values", scale: Double = 1) -> [Float] {
  let stream = RandomStream(seed: seed, name)
  return (0..<count).map { Float(stream.normal(at: UInt64($0)) * scale) }
}

public func randomTensor(
  _ shape: [Int], seed: UInt64 = 1, _ name: String = "values", scale: Double = 1
) -> Tensor {
  Tensor(shape, values: randomFloats(shape.reduce(1, *), seed: seed, name, scale: scale))
}

/// Ids in 0..<vocabulary.
public func randomIds(_ count: Int, vocabulary: Int, seed: UInt64 = 1) -> [Int32] {
  let stream = RandomStream(seed: seed, "ids")
  return (0..<count).map { Int32(stream.below(vocabulary, at: UInt64($0))) }
}
