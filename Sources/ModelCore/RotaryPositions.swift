import Autograd
import Foundation
import TensorCore

/// The rotary table of one slice width, grown as positions are asked for.
final class RotaryPositions {
  private let frequencies: [Double]
  private let factor: Double
  private let interleaved: Bool
  private var table: RotaryTable?

  init(_ rope: RopeConfig, dim: Int, interleaved: Bool) {
    frequencies = rope.inverseFrequencies(dim: dim)
    factor = rope.magnitude
    self.interleaved = interleaved
  }

  /// A table of at least `length` positions.
  func table(_ length: Int) -> RotaryTable {
    if let table, table.length >= length { return table }
    let rows = max(length, 2 * (table?.length ?? 64))
    let half = frequencies.count
    let cosine = Tensor([rows, half])
    let sine = Tensor([rows, half])
    for position in 0..<rows {
      for (j, frequency) in frequencies.enumerated() {
        let angle = Double(position) * frequency
        cosine.pointer[position * half + j] = Float(cos(angle) * factor)
        sine.pointer[position * half + j] = Float(sin(angle) * factor)
      }
    }
    let grown = RotaryTable(cosine: cosine, sine: sine, interleaved: interleaved)
    table = grown
    return grown
  }
}
