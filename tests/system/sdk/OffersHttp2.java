// Java's own HTTP client, as it is: on plain http it offers HTTP/2 with each request until the server has taken it up.
// Arguments: the server's URL, a project's token and secret. Prints "NAME STATUS BODY" a request, and fails on none.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;

public class OffersHttp2 {
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static String url;
    static String token;

    static String event(String id) {
        long time = System.currentTimeMillis() / 1000 - 60;
        return "{\"event\":\"offered\",\"properties\":{\"token\":\"" + token + "\",\"distinct_id\":\"java\",\"time\":" + time
            + ",\"$insert_id\":\"" + id + "\"}}";
    }

    static HttpRequest.Builder to(String path) {
        return HttpRequest.newBuilder(URI.create(url + path)).header("Content-Type", "application/json");
    }

    static void print(String name, HttpResponse<String> response) {
        System.out.println(name + " " + response.statusCode() + " " + response.body().strip());
    }

    static void send(String name, HttpRequest request) throws Exception {
        print(name, CLIENT.send(request, BodyHandlers.ofString()));
    }

    public static void main(String[] arguments) throws Exception {
        url = arguments[0];
        token = arguments[1];
        String secret = "Basic " + Base64.getEncoder().encodeToString((arguments[2] + ":").getBytes());
        String profile = "{\"$token\":\"" + token + "\",\"$distinct_id\":\"java\",\"$set\":{\"a\":1}}";
        String group = "{\"$token\":\"" + token + "\",\"$group_key\":\"g\",\"$group_id\":\"java\",\"$set\":{\"a\":1}}";
        String form = "data=" + Base64.getUrlEncoder().encodeToString(event("form").getBytes());
        String long_ = "[" + event("large").replace("}}", ",\"p\":\"" + "x".repeat(200_000) + "\"}}") + "]";

        send("track", to("/track?verbose=1").POST(BodyPublishers.ofString("[" + event("one") + "]")).build());
        send("again", to("/track").POST(BodyPublishers.ofString(event("two"))).build());
        send("form", to("/track").setHeader("Content-Type", "application/x-www-form-urlencoded")
            .POST(BodyPublishers.ofString(form)).build());
        send("large", to("/track").POST(BodyPublishers.ofString(long_)).build());
        byte[] chunks = event("chunks").getBytes();
        send("chunks", to("/track").POST(BodyPublishers.fromPublisher(BodyPublishers.ofByteArray(chunks))).build());
        send("expect", to("/track").expectContinue(true).POST(BodyPublishers.ofString(event("expect"))).build());
        send("import", to("/import?strict=1").header("Authorization", secret)
            .POST(BodyPublishers.ofString("[" + event("import") + "]")).build());
        send("engage", to("/engage").POST(BodyPublishers.ofString(profile)).build());
        send("groups", to("/groups").POST(BodyPublishers.ofString(group)).build());
        send("query", to("/api/2.0/engage").header("Authorization", secret)
            .POST(BodyPublishers.ofString("{\"distinct_id\":\"nobody\"}")).build());
        send("table", to("/lookup-tables?name=java").header("Authorization", secret)
            .POST(BodyPublishers.ofString("")).build());

        List<CompletableFuture<HttpResponse<String>>> many = new ArrayList<>();
        for (int number = 0; number < 40; number++) {
            HttpRequest request = to("/track").POST(BodyPublishers.ofString(event("many-" + number))).build();
            many.add(CLIENT.sendAsync(request, BodyHandlers.ofString()));
        }
        for (CompletableFuture<HttpResponse<String>> each : many) {
            print("many", each.get());
        }
    }
}
