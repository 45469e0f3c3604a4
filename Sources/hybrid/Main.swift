@main struct Main { static func main() { print("hybrid: not built yet") } }
