import Foundation
import Groundwork

/// What a curve of [tokens, loss] says in a line: from where to where, after how many tokens; nil for an empty one.
public func heldOutLine(_ curve: [[Double]]) -> String? {
  guard let first = curve.first, let last = curve.last else { return nil }
  return String(format: "held-out loss %.4f -> %.4f after %@ tokens", first[1], last[1], formatCount(Int(last[0])))
}
