import Autograd
import Foundation
import TensorCore

/// The rotary table of one slice width, grown as positions are asked for, by any thread.
final class RotaryPositions {
  private let frequencies: [Double]
  private let factor: Double
  private let interleaved: Bool
  private let lock = NSLock()
  private var table: RotaryTable?

  /// - Parameter pairs: those of the `dim` dimensions that are rotated, in the slice's order; nil: all
  init(_ rope: RopeConfig, dim: Int, interleaved: Bool, pairs: [Int]? = nil) {
    let all = rope.inverseFrequencies(dim: dim)
    frequencies = pairs.map { $0.map { all[$0] } } ?? all
    factor = rope.magnitude
    self.interleaved = interleaved
  }

  /// Beyond this position no table is kept: at a million tokens it would outweigh a latent cache.
  private static let kept = 8192

  /// A table, and where in it these positions stand.
  func rows(_ positionIds: [Int32]) -> (table: RotaryTable, positions: [Int32]) {
    let end = Int(positionIds.max() ?? 0) + 1
    if end <= Self.kept { return (table(end), positionIds) }
    let rows = makeTable(positionIds.count) { Int(positionIds[$0]) }
    return (rows, (0..<Int32(positionIds.count)).map { $0 })
  }

  /// A table of at least `length` positions.
  func table(_ length: Int) -> RotaryTable {
    lock.withLock {
      if let table, table.length >= length { return table }
      let grown = makeTable(max(length, 2 * (table?.length ?? 64))) { $0 }
      table = grown
      return grown
    }
  }

  private func makeTable(_ rows: Int, _ position: (Int) -> Int) -> RotaryTable {
    let half = frequencies.count
    let cosine = Tensor([rows, half])
    let sine = Tensor([rows, half])
    for row in 0..<rows {
      let position = Double(position(row))
      for (j, frequency) in frequencies.enumerated() {
        let angle = position * frequency
        cosine.pointer[row * half + j] = Float(cos(angle) * factor)
        sine.pointer[row * half + j] = Float(sin(angle) * factor)
      }
    }
    return RotaryTable(cosine: cosine, sine: sine, interleaved: interleaved)
  }
}
