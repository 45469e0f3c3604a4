import Distillation

/// Training loss by tokens (or pairs) seen, as at most 60 means of neighbouring steps.
func thinned(_ curve: StepTable, unitsPerStep: Int) throws -> [[Double]] {
  let points = zip(try curve.column("step"), try curve.column("loss")).map { [$0 * Double(unitsPerStep), $1] }
  return meansOfNeighbours(points, most: 60).map { [$0[0], ($0[1] * 1e6).rounded() / 1e6] }
}

/// At most `most` points of a curve: each stands where the last of its neighbours does, at their mean.
func meansOfNeighbours(_ points: [[Double]], most: Int) -> [[Double]] {
  let size = max(1, (points.count + most - 1) / most)
  return stride(from: 0, to: points.count, by: size).map { start in
    let group = points[start..<min(start + size, points.count)]
    return [group.last![0], group.reduce(0) { $0 + $1[1] } / Double(group.count)]
  }
}
