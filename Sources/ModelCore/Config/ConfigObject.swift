import Groundwork

/// One object of a model's configuration; keys that nobody asks for are ignored.
typealias ConfigObject = JSONObject
