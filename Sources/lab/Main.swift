@main struct Main { static func main() { print("lab: not built yet") } }
