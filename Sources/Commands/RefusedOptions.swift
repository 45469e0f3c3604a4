import Groundwork

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
