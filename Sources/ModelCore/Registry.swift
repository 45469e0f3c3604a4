import Synchronization

/// Things by key in the order in which they were added; safe to read and add to from any thread.
final class Registry<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private let entries: Mutex<[Value]>
  private let key: @Sendable (Value) -> Key

  init(_ values: [Value], key: @escaping @Sendable (Value) -> Key) {
    entries = Mutex(values)
    self.key = key
  }

  /// Adds a value, or replaces the one that has its key.
  func add(_ value: Value) {
    entries.withLock { entries in
      if let index = entries.firstIndex(where: { key($0) == key(value) }) {
        entries[index] = value
      } else {
        entries.append(value)
      }
    }
  }

  var all: [Value] { entries.withLock { $0 } }

  subscript(wanted: Key) -> Value? { entries.withLock { entries in entries.first { key($0) == wanted } } }
}
