1;  % this is a script
function [loss, grads, hlast] = gradients(w, h, x, y)
  T = numel(x); m = numel(h); K = numel(w.c);
  a = zeros(m,T); H = zeros(m,T+1); H(:,1)=h; P = zeros(K,T);
  for t=1:T
    a(:,t) = w.W*H(:,t) + w.U(:,x(t)) + w.b; H(:,t+1) = tanh(a(:,t));
    o = w.V*H(:,t+1)+w.c; P(:,t) = exp(o-max(o)); P(:,t) = P(:,t)/sum(P(:,t));
  end
  loss = 0; for t=1:T, loss = loss - log(P(y(t),t)); end
  G = P; for t=1:T, G(y(t),t) = G(y(t),t)-1; end
  d = zeros(m,T); after = zeros(m,1);
  for t=T:-1:1
    d(:,t) = (w.V'*G(:,t)+after).*(1-H(:,t+1).^2); after = w.W' * d(:, t);
  end
  grads.W = d*H(:,1:T)'; grads.V = G*H(:,2:end)'; grads.b=sum(d,2); grads.c=sum(G,2);
  grads.U = zeros(size(w.U)); for t=1:T, grads.U(:,x(t)) = grads.U(:,x(t))+d(:,t); end
  hlast = H(:,end);
end
function [w, mem] = step(w, g, mem, n)
  if isempty(mem), mem = struct('W',0,'U',0,'V',0,'b',0,'c',0); end
  for k = 'WUVbc', mem.(k) = mem.(k) + g.(k).^2; w.(k) = w.(k) - 0.1*g.(k)./sqrt(mem.(k)+eps); end
end
function [p,h] = following(w,h,x)
  h = tanh(w.W*h+w.U(:,x)+w.b); p = exp(w.V*h+w.c); p = p/sum(p);
end
function ids = sample(w,h,x,n)
  ids = zeros(1,n);
  for k=1:n, [p,h] = following(w,h,x); x = find(cumsum(p) > rand(), 1); ids(k)=x; end
end
function out = losses(w, ids, n)
  pos=0; h=zeros(numel(w.b),1); mem=[]; out=zeros(1,n);
  for u=1:n
    if pos+26 > numel(ids), pos=0; h=0*h; end
    [out(u), g, h] = gradients(w,h,ids(pos+1:pos+25),ids(pos+2:pos+26));
    for k = 'WUVbc', g.(k) = max(min(g.(k),5),-5); end
    [w,mem] = step(w,g,mem,u); pos = pos+25;
  end
end
rnncheck('cases.json', 'answers.json', @gradients, 'step', @step, 'following', @following, 'sample', @sample, ...
  'losses', @losses, 'eta', 0.1);
