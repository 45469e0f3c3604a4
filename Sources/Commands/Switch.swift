import ArgumentParser

/// An option that is on or off, where its absence means a third thing or its value is worth spelling.
public enum Switch: String, CaseIterable, ExpressibleByArgument {
  case on, off
  /// As a truth value.
  public var isOn: Bool { self == .on }
}
