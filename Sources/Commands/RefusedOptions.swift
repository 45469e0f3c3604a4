import Groundwork

/// Runs `body`, which chooses among known words; an error that found another one says which may have been meant.
public func suggesting<Chosen>(_ known: [String], _ body: () throws -> Chosen) throws -> Chosen {
  do { return try body() } catch var error as UpcycleError {
    if error.hint == nil, let found = error.found, !known.contains(found), !found.contains(":") {
      error.hint = nearest(to: found, among: known).map { "did you mean \($0)?" }
    }
    throw error
  }
}

/// Refuses options that were given although nothing would follow from them.
/// - Parameters:
///   - options: by their flags, whether they were given
///   - reason: such as "says nothing without --chat"
/// - Throws: a usage error that names the first of them
public func refuse(_ options: KeyValuePairs<String, Bool>, _ reason: String, hint: String? = nil) throws {
  if let option = options.first(where: { $0.value }) {
    throw UpcycleError.usage(reason, at: option.key, hint: hint)
  }
}
