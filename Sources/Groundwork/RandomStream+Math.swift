import Foundation

extension Double {
  var logarithm: Double { Foundation.log(self) }
  var cosine: Double { Foundation.cos(self) }
}
