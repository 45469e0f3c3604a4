/// The shape that all layers of one kind of mixer in a model share; `ModelConfig` keeps it. A mixer without numbers of
/// its own needs none.
public protocol MixerShape: Equatable, Sendable {
  /// The mixer that has it; a model keeps one shape for each.
  static var kind: MixerKind { get }
}

/// The shapes of a model's mixers, at most one of a type.
struct MixerShapes: Equatable, Sendable {
  private var byKind: [MixerKind: any MixerShape] = [:]

  init(_ shapes: [any MixerShape]) { for shape in shapes { byKind[type(of: shape).kind] = shape } }

  func get<Shape: MixerShape>() -> Shape? { byKind[Shape.kind] as? Shape }

  mutating func set<Shape: MixerShape>(_ shape: Shape?) { byKind[Shape.kind] = shape }

  mutating func take(_ other: MixerShapes) { byKind.merge(other.byKind) { $1 } }

  static func == (a: MixerShapes, b: MixerShapes) -> Bool {
    func isSame<Shape: MixerShape>(_ shape: Shape) -> Bool { b.get() == shape }
    return a.byKind.count == b.byKind.count && a.byKind.values.allSatisfy { isSame($0) }
  }
}
