// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import RunPlan
import RunVocabulary

/// Numbers of Prometheus, and of Java through Jolokia: both answer over HTTP in JSON.
extension LiveProbeRunner {
    func askPrometheus(_ asked: PrometheusQuestion<String>, _ timeout: Milliseconds) async -> [String: Fact] {
        guard let base = Self.base(of: asked.url) else {
            return ["problem": .string("'\(asked.url)' is no address of HTTP without a '?' or '#'")]
        }
        let url = "\(base)/api/v1/query?query=\(Self.escaped(asked.query))&timeout=\(timeout.count)ms"
        return await self.askForJSON(HTTPRequest(url: url), timeout, PrometheusAnswer.facts)
    }

    func askJMX(_ asked: JMXQuestion<String>, of node: Node?, _ timeout: Milliseconds) async -> [String: Fact] {
        let url: String
        if let whole = asked.url {
            guard let base = Self.base(of: whole) else {
                return ["problem": .string("'\(whole)' is no address of HTTP without a '?' or '#'")]
            }
            url = "\(base)/"
        } else {
            guard let node, let name = asked.port, let port = node.port(named: name).flatMap({ UInt16(exactly: $0) })
            else {
                return ["problem": .string("there is no port '\(asked.port ?? "")' to ask")]
            }
            url = "http://\(node.host.contains(":") ? "[\(node.host)]" : node.host):\(port)/jolokia/"
        }
        let members = [
            JSONMember("type", "read"), JSONMember("mbean", .string(asked.mbean)),
            JSONMember("attribute", .string(asked.attribute)),
        ]
        let body = JSON.object(members + (asked.path.map { [JSONMember("path", .string($0))] } ?? []))
        let request = HTTPRequest(
            method: "POST",
            url: url,
            headers: [HTTPHeader("Content-Type", "application/json")],
            body: body.bytes
        )
        return await self.askForJSON(request, timeout, JolokiaAnswer.facts)
    }

    private func askForJSON(
        _ request: HTTPRequest,
        _ timeout: Milliseconds,
        _ read: (_ status: Int, _ json: JSON) -> [String: Fact]
    ) async -> [String: Fact] {
        guard let transfer = self.transfer else {
            return ["problem": .string("'\(request.origin)' cannot be asked from here")]
        }
        var request = request
        request.timeout = timeout.duration
        request.connectTimeout = timeout.duration
        request.trustedAuthorities = self.trustedAuthorities
        do throws(TransferError) {
            let response = try await transfer.perform(request)
            var facts: [String: Fact]
            do throws(JSONError) {
                facts = read(response.status, try JSON(parsing: response.body))
            } catch {
                let kind = response.header("Content-Type") ?? "nothing that it names"
                facts = ["problem": .string("status \(response.status) and no JSON (\(kind)): \(error)")]
            }
            facts["answered"] = .bool(true)
            facts["latency"] = .span(Milliseconds(response.duration))
            return facts
        } catch {
            switch error.code {
            case .refused: return ["answered": .bool(false), "problem": .string("connection refused")]
            case .malformedReply: return ["answered": .bool(true), "problem": .string("not HTTP: \(error.message)")]
            case .tooLarge: return ["answered": .bool(true), "problem": .string(error.message)]
            default: return ["problem": .string(error.message)]
            }
        }
    }

    /// Without the slash at its end.
    private static func base(of url: String) -> String? {
        guard url.hasPrefix("http://") || url.hasPrefix("https://"), !url.contains("?"), !url.contains("#") else {
            return nil
        }
        var base = url[...]
        while base.hasSuffix("/") { base = base.dropLast() }
        return String(base)
    }

    /// As RFC 3986 wants it in a query: everything but letters, digits and four signs as %XX.
    private static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// What `/api/v1/query` answers.
enum PrometheusAnswer {
    /// Most series that are kept of one query.
    static let seriesLimit = 1_000

    static func facts(_ status: Int, _ json: JSON) -> [String: Fact] {
        guard json["status"]?.stringValue == "success" else {
            let kind = json["errorType"]?.stringValue ?? "status \(status)"
            let text = json["error"]?.stringValue ?? "the answer says neither 'success' nor an error"
            return ["problem": .string(MetricText.cut("\(kind): \(text)"))]
        }
        guard let kind = json["data"]?["resultType"]?.stringValue, let result = json["data"]?["result"] else {
            return ["problem": .string("not Prometheus: the answer has no result")]
        }
        switch kind {
        case "scalar":
            guard let value = self.number(result) else { break }
            return [
                "problem": .string(""), "value": .double(value), "values": .samples([.init(labels: [:], value: value)]),
            ]
        case "vector":
            guard let series = result.arrayValue else { break }
            guard series.count <= self.seriesLimit else {
                let text =
                    "the query gives \(series.count) series, of which \(self.seriesLimit) are the most; aggregate them"
                return ["problem": .string(text)]
            }
            let samples = series.compactMap(self.sample)
            guard samples.count == series.count else { break }
            var facts: [String: Fact] = ["problem": .string(""), "values": .samples(samples)]
            facts["value"] =
                samples.count == 1
                ? .double(samples[0].value) : .unknown("the query gives \(samples.count) series instead of one")
            return facts
        default:
            return ["problem": .string(MetricText.cut("the query gives a \(kind), which is no number of one moment"))]
        }
        return ["problem": .string("not Prometheus: a \(kind) of another form")]
    }

    private static func sample(_ series: JSON) -> Fact.Sample? {
        // A native histogram has no 'value'.
        guard let labels = series["metric"]?.members, let value = series["value"].flatMap(self.number) else {
            return nil
        }
        let texts = labels.compactMap { label in label.value.stringValue.map { (label.name, $0) } }
        return Fact.Sample(labels: Dictionary(texts, uniquingKeysWith: { $1 }), value: value)
    }

    /// The number of a pair such as `[1435781451.781, "1.5"]`, whose first half is the moment of the query.
    private static func number(_ pair: JSON) -> Double? {
        guard pair.arrayValue?.count == 2, let text = pair[1]?.stringValue else {
            return nil
        }
        switch text {
        case "NaN": return .nan
        case "+Inf", "Inf": return .infinity
        case "-Inf": return -.infinity
        default: return Double(text)
        }
    }
}

/// What Jolokia answers to `read`.
enum JolokiaAnswer {
    static func facts(_ status: Int, _ json: JSON) -> [String: Fact] {
        guard let own = json["status"]?.intValue else {
            return ["problem": .string("not Jolokia: status \(status), and the answer has no 'status'")]
        }
        guard own == 200, let value = json["value"] else {
            let text = json["error"]?.stringValue ?? "the answer has no value"
            return ["problem": .string(MetricText.cut("status \(own): \(text)"))]
        }
        var facts: [String: Fact] = ["problem": .string("")]
        switch value {
        case .int, .double:
            facts["value"] = value.doubleValue.map { .double($0) }
            facts["text"] = .string(value.text)
        case .bool(let bool): facts["text"] = .string("\(bool)")
        case .string(let text):
            facts["text"] = .string(MetricText.cut(text))
            // What JSON has no number for is written as a text.
            if text == "NaN" { facts["value"] = .double(.nan) }
        case .null: facts["problem"] = .string("the attribute has no value (null)")
        case .object(let members):
            let names = members.prefix(10).map(\.name).joined(separator: ", ")
            facts["problem"] = .string(MetricText.cut("the value is composed of several; name one by 'path': \(names)"))
        case .array: facts["problem"] = .string("the value is a list; name an element by 'path'")
        }
        return facts
    }
}

enum MetricText {
    /// Most characters of what a server says.
    private static let lengthLimit = 500

    static func cut(_ text: String) -> String {
        text.count > self.lengthLimit ? "\(text.prefix(self.lengthLimit))…" : text
    }
}
