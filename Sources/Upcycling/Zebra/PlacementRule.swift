/// What SMART demands of a placement of N latent-attention layers among L (Zebra-Llama, section 3.3):
///
/// 1. Terminal preservation: with p = floor(L / N), the first layer is the highest-scoring of the first p,
///    the last one the highest-scoring of the last p.
/// 2. Near-uniform middle: T = last - first - N + 1 other layers remain between them, and each of the N - 1
///    gaps (layers strictly between neighbours) holds floor(T / (N - 1)) or ceil(T / (N - 1)) of them.
public struct PlacementRule: Equatable, Sendable {
  /// L.
  public let layerCount: Int
  /// N, in 1...L.
  public let count: Int

  /// - Precondition: `count` in 1...`layerCount`
  public init(layerCount: Int, count: Int) {
    precondition((1...max(1, layerCount)).contains(count), "a placement needs 1...\(layerCount) layers, not \(count)")
    self.layerCount = layerCount
    self.count = count
  }

  /// Where the first layer may lie: the first floor(L / N).
  public var firstWindow: Range<Int> { 0..<layerCount / count }

  /// Where the last layer may lie: the last floor(L / N).
  public var lastWindow: Range<Int> { layerCount - layerCount / count..<layerCount }

  /// Layers that each gap may hold, given both ends; N at least 2.
  func gapBounds(first: Int, last: Int) -> ClosedRange<Int> {
    let others = last - first - (count - 1)
    let short = others / (count - 1)
    return short...(others % (count - 1) == 0 ? short : short + 1)
  }

  /// Layers strictly between neighbours of an ascending list.
  public static func gaps(_ layers: [Int]) -> [Int] { zip(layers, layers.dropFirst()).map { $1 - $0 - 1 } }

  /// Every way in which a list breaks the rule, in words; none when it obeys.
  ///
  /// - Parameters:
  ///   - layers: the list, as printed
  ///   - scores: sensitivity by layer; nil where none are published: the ends are then only asked to lie in
  ///     their windows
  public func violations(of layers: [Int], scores: [Double]? = nil) -> [String] {
    guard layers.count == count else { return ["holds \(layers.count) layers instead of \(count)"] }
    guard zip(layers, layers.dropFirst()).allSatisfy(<), layers[0] >= 0, layers[count - 1] < layerCount else {
      return ["is not an ascending list of layers in 0...\(layerCount - 1)"]
    }
    var found: [String] = []
    for (name, layer, window) in [("first", layers[0], firstWindow), ("last", layers[count - 1], lastWindow)] {
      let span = "\(window.lowerBound)...\(window.upperBound - 1)"
      if !window.contains(layer) {
        found.append("the \(name) layer \(layer) lies outside \(span)")
      } else if let scores, scores[layer] < scores[Self.highest(in: window, scores)] {
        found.append("the \(name) layer is \(layer), but \(Self.highest(in: window, scores)) scores highest in \(span)")
      }
    }
    guard count > 1 else { return found }
    let bounds = gapBounds(first: layers[0], last: layers[count - 1])
    let wanted = bounds.count == 1 ? "\(bounds.lowerBound)" : "\(bounds.lowerBound) or \(bounds.upperBound)"
    for (left, gap) in zip(layers, Self.gaps(layers)) where !bounds.contains(gap) {
      found.append("the gap between \(left) and \(left + gap + 1) holds \(gap) layers instead of \(wanted)")
    }
    return found
  }

  /// The layer with the highest score in a window; the lowest of equals.
  static func highest(in window: Range<Int>, _ scores: [Double]) -> Int {
    window.reduce(window.lowerBound) { scores[$1] > scores[$0] ? $1 : $0 }
  }
}
