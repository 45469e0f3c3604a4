extension World {
  /// How often text tells of an entity, by its rank among its kind: the first tenth, up to the middle, the rest.
  public enum Band: String, CaseIterable, Codable, Sendable { case head, middle, tail }

  /// The band of every entity, by index.
  public func bands() -> [Band] {
    var bands = [Band](repeating: .head, count: entities.count)
    for ids in members.values {
      let order = ids.sorted { (entities[$0].weight, $1) > (entities[$1].weight, $0) }
      for (rank, id) in order.enumerated() {
        bands[id] = 10 * rank < ids.count ? .head : 2 * rank < ids.count ? .middle : .tail
      }
    }
    return bands
  }

  /// Of the items that need facts, the share whose rarest subject is in each band; nil where no item does.
  public func bandShares(_ items: [TaskItem]) -> [String: Double]? {
    let bands = bands()
    let rarest = items.compactMap { item in
      item.facts.map { bands[facts[$0].subject] }.max {
        Band.allCases.firstIndex(of: $0)! < Band.allCases.firstIndex(of: $1)!
      }
    }
    if rarest.isEmpty { return nil }
    return Dictionary(
      uniqueKeysWithValues: Band.allCases.map { band in
        (band.rawValue, Double(rarest.filter { $0 == band }.count) / Double(rarest.count))
      })
  }
}
