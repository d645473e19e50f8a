import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

/** java Post.java URL BODY COUNT: POSTs JSON with the client's defaults; prints status and body of each. */
class Post {
  public static void main(String[] arguments) throws Exception {
    var client = HttpClient.newHttpClient();  // which offers to upgrade to HTTP/2
    var request = HttpRequest.newBuilder(URI.create(arguments[0]))
        .header("Content-Type", "application/json")
        .POST(BodyPublishers.ofString(arguments[1]))
        .build();
    for (int turn = 0; turn < Integer.parseInt(arguments[2]); turn++) {
      var response = client.send(request, BodyHandlers.ofString());
      System.out.println(response.statusCode() + " " + response.body());
    }
  }
}
