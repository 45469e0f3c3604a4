/// A binary heap; `pop` gives the smallest element.
public struct MinHeap<Element: Comparable> {
  @usableFromInline var items: [Element] = []

  /// An empty heap.
  @inlinable public init() {}

  /// The smallest element.
  @inlinable public var first: Element? { items.first }

  /// Adds an element.
  @inlinable public mutating func push(_ item: Element) {
    items.append(item)
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if items[parent] <= item { break }
      items[child] = items[parent]
      child = parent
    }
    items[child] = item
  }

  /// Takes the smallest element.
  @discardableResult
  @inlinable public mutating func pop() -> Element? {
    guard let top = items.first, let last = items.popLast() else { return nil }
    if items.isEmpty { return top }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      if child >= items.count { break }
      if child + 1 < items.count, items[child + 1] < items[child] { child += 1 }
      if last <= items[child] { break }
      items[parent] = items[child]
      parent = child
    }
    items[parent] = last
    return top
  }
}
