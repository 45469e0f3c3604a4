import Groundwork

// Texts as Python has them, for templates and tasks that were written for it.

extension Unicode.Scalar {
  /// `str.isspace`: Unicode's White_Space and the four separators U+001C to U+001F.
  public var isPythonSpace: Bool { ScalarSet.isSpace(value) || 0x1C...0x1F ~= value }
}

/// `str.strip()`
public func pythonStripped(_ text: String) -> String {
  TemplateMethods.stripped(text, nil, left: true, right: true)
}

/// `str.rstrip()`
public func pythonRightStripped(_ text: String) -> String {
  TemplateMethods.stripped(text, nil, left: false, right: true)
}

/// `str(value)`: "True", "None", "4.0"; a text as it is.
public func pythonText(_ value: JSONValue) -> String { TemplateValue(value).text }
