/// What a few seeds say about a quantity.
public struct Sample: Equatable, Sendable {
  /// As measured.
  public let values: [Double]

  /// In any order.
  public init(values: [Double]) { self.values = values }

  var count: Int { values.count }
  /// 0 of nothing.
  public var mean: Double { values.reduce(0, +) / Double(max(count, 1)) }

  /// Sum of squared distances from the mean; of equal values 0, though their mean is rounded.
  var squares: Double {
    if values.allSatisfy({ $0 == values[0] }) { return 0 }
    let centre = mean
    return values.reduce(0) { $0 + ($1 - centre) * ($1 - centre) }
  }

  /// Sample variance (n - 1); nil below two values.
  var variance: Double? { count < 2 ? nil : squares / Double(count - 1) }

  /// Sample standard deviation; nil below two values.
  var deviation: Double? { variance.map { $0.squareRoot() } }

  /// Half the width of the mean's 95 % interval by Student's t with its own variance; nil below two values.
  public var halfWidth: Double? {
    deviation.map { studentQuantile(0.975, freedom: Double(count - 1)) * $0 / Double(count).squareRoot() }
  }
}
