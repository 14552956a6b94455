// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Reads what libcurl tells of a certificate.
enum CertificateText {
    /// Most characters of one text.
    private static let lengthLimit = 300
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    static func peer(_ lines: [String]) -> TLSHandshake.Peer {
        var peer = TLSHandshake.Peer()
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...]
            switch line[..<colon] {
            case "Subject": peer.subject = self.cleaned(value)
            case "Issuer": peer.issuer = self.cleaned(value)
            case "Start date": peer.notBefore = self.seconds(value)
            case "Expire date": peer.notAfter = self.seconds(value)
            case "X509v3 Subject Alternative Name": peer.names = self.names(value)
            default: break
            }
        }
        return peer
    }

    /// `DNS:kafka1.example, IP Address:10.0.0.1`; mail addresses and the like are no hosts.
    private static func names(_ text: Substring) -> [String] {
        var names: [String] = []
        for part in text.split(separator: ",", maxSplits: 4 * TLSHandshake.nameLimit) {
            let part = part.drop { $0 == " " }
            for kind in ["DNS:", "IP Address:"] where part.hasPrefix(kind) && names.count < TLSHandshake.nameLimit {
                names.append(self.cleaned(part.dropFirst(kind.count)))
            }
        }
        return names
    }

    /// Seconds since 1970 of `Nov  1 09:08:07 2026 GMT`; nothing for what is no such date.
    static func seconds(_ text: Substring) -> Int64? {
        let parts = text.split(separator: " ")
        guard parts.count == 5, parts[4] == "GMT", let month = self.months.firstIndex(of: String(parts[0])),
            let day = Int64(parts[1]), (1...31).contains(day), let year = Int64(parts[3]), (1...9999).contains(year)
        else { return nil }
        let clock = parts[2].split(separator: ":").compactMap { Int64($0) }
        guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        return self.days(year, Int64(month) + 1, day) * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2]
    }

    /// Days since 1970; the year begins in March, so that a leap day is its last.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let months = (month + 9) % 12
        return year * 365 + year / 4 - year / 100 + year / 400 + (months * 306 + 5) / 10 + day - 1 - 719_468
    }

    static func cleaned(_ text: some StringProtocol) -> String {
        let scalars = text.unicodeScalars.filter { scalar in
            switch scalar.properties.generalCategory {
            // Nor may a text turn the writing of the line that it stands in.
            case .control, .format, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        }
        let clean = String(String.UnicodeScalarView(scalars))
        return clean.count > self.lengthLimit ? "\(clean.prefix(self.lengthLimit))…" : clean
    }
}
