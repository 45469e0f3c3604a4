/// A statement of a template.
indirect enum TemplateNode {
  case text(String)
  case output(TemplateExpression, line: Int)
  case conditional([(condition: TemplateExpression, body: [TemplateNode])], otherwise: [TemplateNode], line: Int)
  case loop(TemplateLoop)
  case assign(TemplateTarget, TemplateExpression, line: Int)
  /// `{% set name %}…{% endset %}`, through filters.
  case assignBlock(TemplateTarget, filters: [TemplateFilterCall], body: [TemplateNode], line: Int)
  case macro(TemplateMacro)
  /// `{% generation %}…{% endgeneration %}`: what the assistant says.
  case generation([TemplateNode])
  case leaveLoop
  case nextRound
}

struct TemplateLoop {
  var targets: [String]
  var items: TemplateExpression
  var condition: TemplateExpression?
  var body: [TemplateNode]
  var otherwise: [TemplateNode]
  var line: Int
}

/// What a `set` writes to.
enum TemplateTarget {
  case names([String])
  case attribute(of: String, name: String)
}

final class TemplateMacro {
  let name: String
  let parameters: [(name: String, value: TemplateExpression?)]
  let body: [TemplateNode]

  init(name: String, parameters: [(name: String, value: TemplateExpression?)], body: [TemplateNode]) {
    self.name = name
    self.parameters = parameters
    self.body = body
  }
}

struct TemplateArguments {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
}

struct TemplateFilterCall {
  var name: String
  var arguments: TemplateArguments
}

/// An expression of a template, with its line for errors where something can go wrong.
indirect enum TemplateExpression {
  case literal(TemplateValue)
  case name(String)
  case list([TemplateExpression])
  case dictionary([(key: TemplateExpression, value: TemplateExpression)])
  case attribute(TemplateExpression, String, line: Int)
  case item(TemplateExpression, TemplateExpression, line: Int)
  case slice(
    TemplateExpression, from: TemplateExpression?, to: TemplateExpression?, step: TemplateExpression?, line: Int)
  case call(TemplateExpression, TemplateArguments, line: Int)
  case filter(TemplateExpression, TemplateFilterCall, line: Int)
  case test(TemplateExpression, TemplateFilterCall, isNegated: Bool, line: Int)
  case not(TemplateExpression)
  case negative(TemplateExpression, line: Int)
  case and(TemplateExpression, TemplateExpression)
  case or(TemplateExpression, TemplateExpression)
  case comparison(TemplateExpression, [(operation: String, value: TemplateExpression)], line: Int)
  case arithmetic(String, TemplateExpression, TemplateExpression, line: Int)
  case conditional(TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)
}
