@main struct Main { static func main() { print("shards: not built yet") } }
